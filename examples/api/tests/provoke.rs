//! Every answer that a layer declares comes as declared.

mod support;

use axum::{body::Body, http::header};
use example_api::{Admin, AppState, Config, TimeLimits, app};
use http::{HeaderValue, Request, request::Parts};
use serde_json::json;
use support::config;
use tower::ServiceExt;
use wythe::testing::ProvokeOutcome;

const EMAIL: &str = "root@example.com";
const PASSWORD: &str = "a long password";

/// Adds the access token of a user.
async fn credentials(
    state: &AppState,
    email: &str,
    password: &str,
) -> impl Fn(&mut Parts) + Send + Sync + 'static {
    let routes = app(state, &TimeLimits::default()).unwrap().routes;
    let service = routes.service(state.clone()).unwrap();
    let service = service.connected(([127, 0, 0, 1], 50_000).into());
    let account = json!({ "email": email, "password": password }).to_string();
    let post = |path: &str| {
        let request = Request::post(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json");
        request.body(Body::from(account.clone())).unwrap()
    };
    // The admin is registered already.
    let Ok(_) = service.clone().oneshot(post("/api/register")).await;
    let Ok(response) = service.oneshot(post("/api/auth/login")).await;
    let mut cookies = response.headers().get_all(header::SET_COOKIE).iter();
    let token = cookies
        .find_map(|cookie| {
            let cookie = cookie.to_str().ok()?.strip_prefix("token=")?;
            cookie.split(';').next().map(str::to_owned)
        })
        .expect("it is logged in");
    let bearer = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    move |request| {
        request
            .headers
            .insert(header::AUTHORIZATION, bearer.clone());
    }
}

#[tokio::test]
async fn every_answer_of_a_layer_comes_as_declared() {
    let config = Config {
        admin: Some(Admin::new(EMAIL, PASSWORD).unwrap()),
        ..config()
    };
    let state = AppState::new(&config).await.unwrap();
    let member = credentials(&state, "ada@example.com", "correct horse").await;
    let admin = credentials(&state, EMAIL, PASSWORD).await;

    let routes = app(&state, &config.time_limits).unwrap().routes;
    let provoke = routes
        .provoke()
        .credentials("member", [], member)
        .credentials("admin", ["users:admin"], admin);
    let report = provoke.run(routes.service(state).unwrap()).await;
    report.assert_all();
    let came = report
        .answers()
        .iter()
        .filter(|answer| *answer.outcome() == ProvokeOutcome::AsDeclared);
    // The others are timeouts, panics, a limit behind a smaller one, a server without addresses, and
    // events that a test can't sign.
    assert_eq!(
        (came.count(), report.answers().len()),
        (263, 456),
        "{report}"
    );
}
