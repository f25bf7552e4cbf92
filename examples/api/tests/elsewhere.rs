//! The routes that ask other servers.

mod support;

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use example_api::Config;
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::{Api, config};
use tokio::net::TcpListener;
use wythe::Secret;

/// The API with a weather service that answers so, and how often that was asked.
async fn with_weather<F, R>(answer: F) -> (Api, Arc<AtomicUsize>)
where
    F: Fn(usize, HeaderMap) -> R + Clone + Send + Sync + 'static,
    R: IntoResponse,
{
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let route = get(async move |headers: HeaderMap| {
        answer(counted.fetch_add(1, Ordering::SeqCst), headers)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/now", listener.local_addr().unwrap());
    let app = Router::new().route("/now", route);
    tokio::spawn(async move { axum::serve(listener, app).await });
    let config = Config {
        weather_url: Some(url),
        weather_key: Some(Secret::new("swordfish".to_owned())),
        ..config()
    };
    (Api::run(config).await, count)
}

#[tokio::test]
async fn the_directory_is_another_server() {
    let api = Api::run(config()).await;
    let answer = api.get("/api/proxy/users/7").send().await.is(200);
    assert_eq!(answer.json(), json!({ "id": 7, "name": "User 7" }));
    // It says what is wrong with the id.
    api.get("/api/proxy/users/x").send().await.is(400);
    for id in ["..%2Fweather", "%2e%2e", "7%2F..", "..%5Cweather"] {
        let answer = api
            .get(&format!("/api/proxy/users/{id}"))
            .send()
            .await
            .is(400);
        assert_eq!(answer.field("content-type"), "application/problem+json");
    }
}

#[tokio::test]
async fn the_weather_is_that_of_the_service() {
    let api = Api::run(config()).await;
    let answer = api.get("/api/weather?city=Berlin").send().await.is(200);
    assert_eq!(answer.json(), json!({ "city": "Berlin", "celsius": 19.0 }));
    api.get("/api/weather").send().await.is(422);

    let (api, count) = with_weather(|_, headers| {
        assert_eq!(headers["x-api-key"], "swordfish");
        assert!(!headers.contains_key("x-forwarded-for"));
        assert_eq!(headers["accept-encoding"], "identity");
        Json(json!({ "city": "Oslo", "celsius": -3.5, "more": true }))
    })
    .await;
    let answer = api.get("/api/weather?city=Oslo").send().await.is(200);
    assert_eq!(answer.json(), json!({ "city": "Oslo", "celsius": -3.5 }));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_service_that_fails_for_a_moment_is_asked_again() {
    let (api, count) = with_weather(|attempt, _| match attempt {
        0 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => Json(json!({ "city": "Oslo", "celsius": 1 })).into_response(),
    })
    .await;
    api.get("/api/weather?city=Oslo").send().await.is(200);
    assert_eq!(count.load(Ordering::SeqCst), 3);

    // It says when, or that there were too many.
    let later = [(header::RETRY_AFTER, "1")];
    let (api, count) =
        with_weather(move |_, _| (StatusCode::SERVICE_UNAVAILABLE, later.clone())).await;
    api.get("/api/weather?city=Oslo").send().await.is(502);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let (api, count) = with_weather(|_, _| StatusCode::TOO_MANY_REQUESTS).await;
    api.get("/api/weather?city=Oslo").send().await.is(502);
    assert_eq!(count.load(Ordering::SeqCst), 1);

    let (api, count) = with_weather(|_, _| StatusCode::INTERNAL_SERVER_ERROR).await;
    api.get("/api/weather?city=Oslo").send().await.is(502);
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn bad_answers_are_502_and_the_client_does_not_learn_why() {
    let json = [(header::CONTENT_TYPE, "application/json")];
    let text = [(header::CONTENT_TYPE, "text/html")];
    for (fields, body) in [
        (json.clone(), "not json".to_owned()),
        (
            json.clone(),
            r#"{"city":"Oslo","celsius":"cold"}"#.to_owned(),
        ),
        (
            json,
            format!(r#"{{"city":"{}","celsius":1}}"#, "x".repeat(100_000)),
        ),
        (text, r#"{"city":"Oslo","celsius":1}"#.to_owned()),
    ] {
        let (api, _count) = with_weather(move |_, _| (fields.clone(), body.clone())).await;
        let answer = api.get("/api/weather?city=Oslo").send().await.is(502);
        let shown = answer.json().to_string();
        assert!(
            !shown.contains("celsius") && !shown.contains("swordfish"),
            "{shown}"
        );
    }
    // Not asked for.
    let coded = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_ENCODING, "gzip"),
    ];
    let (api, count) = with_weather(move |_, _| (coded.clone(), "coded")).await;
    api.get("/api/weather?city=Oslo").send().await.is(502);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let (api, count) = with_weather(|_, _| StatusCode::UNAUTHORIZED).await;
    api.get("/api/weather?city=Oslo").send().await.is(502);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_504_before_the_api_is_late() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = Config {
        weather_url: Some(format!("http://{}", listener.local_addr().unwrap())),
        time_limits: example_api::TimeLimits {
            answer: Duration::from_secs(1),
            ..config().time_limits
        },
        ..config()
    };
    let api = Api::run(config).await;
    let answer = api.get("/api/weather?city=Oslo").send().await;
    assert!([503, 504].contains(&answer.status.as_u16()), "{answer:?}");
    drop(listener);
}

/// Each byte comes soon after the one before, and all of them never.
#[tokio::test]
async fn a_service_whose_content_never_ends_is_504() {
    let (api, count) = with_weather(|_, _| {
        let pieces = futures_util::stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, std::io::Error>(" "), ()))
        });
        let json = [(header::CONTENT_TYPE, "application/json")];
        (json, axum::body::Body::from_stream(pieces))
    })
    .await;
    let started = std::time::Instant::now();
    api.get("/api/weather?city=Oslo").send().await.is(504);
    assert!(started.elapsed() < Duration::from_secs(12));
    assert_eq!(count.load(Ordering::SeqCst), 3);
}
