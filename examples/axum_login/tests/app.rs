//! Signing in, what is allowed then, and the responses when something is down or missing.

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode, header},
    routing::get,
};
use example_axum_login::{LoggedIn, User, Users, app};
use http_body_util::BodyExt;
use tower::ServiceExt;
use wythe::{Auth, PeerAddr, compose, with_auth};

async fn send(app: &Router, method: &str, uri: &str, cookie: &str, body: &str) -> Response<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .extension(PeerAddr(([127, 0, 0, 1], 1).into()));
    if !cookie.is_empty() {
        request = request.header(header::COOKIE, cookie);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// Signs in, and returns the cookie.
async fn log_in(app: &Router, name: &str, password: &str) -> String {
    let sent = format!("name={name}&password={password}");
    let response = send(app, "POST", "/login", "", &sent).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-session=") && cookie.contains("Secure"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_wrong_password_opens_no_session() {
    let app = app(Users::default()).unwrap();
    let response = send(&app, "POST", "/login", "", "name=ann&password=swordfish").await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(!response.headers().contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn a_signed_in_user_may_do_what_the_scopes_allow_until_signing_out() {
    let app = app(Users::default()).unwrap();
    let (ann, bob) = (
        log_in(&app, "ann", "open+sesame").await,
        log_in(&app, "bob", "swordfish").await,
    );
    let forged = "__Host-session=AAAAAAAAAAAAAAAAAAAAAA";
    let cases = [
        ("a guest", "GET", "/orders", "", 401),
        ("an unknown session", "GET", "/orders", forged, 401),
        ("ann reads", "GET", "/orders", &*ann, 200),
        ("ann orders", "POST", "/orders", &ann, 201),
        ("bob reads", "GET", "/orders", &bob, 200),
        ("bob may not order", "POST", "/orders", &bob, 403),
        ("ann has the permission", "GET", "/report", &ann, 200),
        ("the store has none of bob's", "GET", "/report", &bob, 503),
        ("ann signs out", "POST", "/logout", &ann, 204),
        ("ann is a guest again", "GET", "/orders", &ann, 401),
        ("bob is not", "GET", "/orders", &bob, 200),
    ];
    for (name, method, uri, cookie, status) in cases {
        let response = send(&app, method, uri, cookie, "").await;
        assert_eq!(response.status().as_u16(), status, "{name}");
        if status == 401 {
            let challenge = &response.headers()[header::WWW_AUTHENTICATE];
            assert_eq!(challenge, r#"Cookie realm="app""#, "{name}");
        }
        if status >= 400 {
            let media_type = &response.headers()[header::CONTENT_TYPE];
            assert_eq!(media_type, "application/problem+json", "{name}");
        }
    }
}

#[tokio::test]
async fn guests_pass_where_a_session_is_optional() {
    let app = app(Users::default()).unwrap();
    let ann = log_in(&app, "ann", "open+sesame").await;
    for (cookie, greeting) in [("", "Hello, stranger!\n"), (&ann, "Hello, ann!\n")] {
        assert_eq!(
            text(send(&app, "GET", "/", cookie, "").await).await,
            greeting
        );
    }
}

#[tokio::test]
async fn a_page_of_another_site_can_do_nothing_with_the_session() {
    let app = app(Users::default()).unwrap();
    let ann = log_in(&app, "ann", "open+sesame").await;
    for uri in ["/orders", "/logout", "/login"] {
        let request = Request::post(uri)
            .header("sec-fetch-site", "cross-site")
            .header(header::COOKIE, &ann)
            .extension(PeerAddr(([127, 0, 0, 1], 1).into()));
        let request = request.body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{uri}");
    }
    let response = send(&app, "GET", "/orders", &ann, "").await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn if_users_cannot_be_loaded_they_are_neither_guests_nor_forbidden() {
    let users = Users::default();
    let app = app(users.clone()).unwrap();
    let ann = log_in(&app, "ann", "open+sesame").await;
    users.go_down();
    for uri in ["/", "/orders", "/report"] {
        let response = send(&app, "GET", uri, &ann, "").await;
        assert_eq!(
            response.status(),
            StatusCode::INTERNAL_SERVER_ERROR,
            "{uri}"
        );
        assert!(!text(response).await.contains("database"), "{uri}");
    }
    let response = send(&app, "POST", "/login", "", "name=bob&password=swordfish").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn without_the_layer_of_axum_login_nobody_passes() {
    async fn name(Auth(user): Auth<User>) -> &'static str {
        user.name()
    }
    let strict = compose((with_auth(LoggedIn::<Users>::new()),));
    let optional = compose((with_auth(LoggedIn::<Users>::new()).optional(),));
    let app = Router::new()
        .route("/", get(strict.handler(name)))
        .route("/greet", get(optional.handler(async || "hello")));
    for uri in ["/", "/greet"] {
        let response = send(&app, "GET", uri, "", "").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{uri}");
    }
}
