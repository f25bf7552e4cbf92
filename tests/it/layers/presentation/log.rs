//! What is hidden from the client is in the log.

use axum::{Router, body::Body, routing::get};
use http::{Request, StatusCode};
use tower::ServiceExt;
use wythe::{compose, with_presentation};

use crate::common::{log::Log, read};

async fn crash() -> &'static str {
    panic!("crash: hunter2")
}

async fn crash_later() -> &'static str {
    tokio::task::yield_now().await;
    let secret = String::from("hunter2");
    panic!("crash later: {secret}")
}

async fn crash_without_text() -> &'static str {
    std::panic::panic_any(404_u16)
}

#[tokio::test]
async fn logs_what_is_hidden_from_the_client() {
    let app = Router::new()
        .route("/ok", get(async || "ok"))
        .route(
            "/teapot",
            get(async || (StatusCode::IM_A_TEAPOT, "short and stout")),
        )
        .route(
            "/secret",
            get(async || (StatusCode::BAD_GATEWAY, "db-7.internal: hunter2")),
        )
        .route("/crash", get(crash))
        .route("/crash-later", get(crash_later))
        .route("/crash-without-text", get(crash_without_text))
        .layer(compose((with_presentation(),)));
    let cases = [
        ("/crash", 500, Some("panic=\"crash: hunter2\"")),
        ("/crash-later", 500, Some("panic=\"crash later: hunter2\"")),
        ("/crash-without-text", 500, Some("panic=\"(not text)\"")),
        ("/secret", 502, Some("text=\"db-7.internal: hunter2\"")),
        ("/teapot", 418, None),
        ("/ok", 200, None),
    ];
    let (log, _guard) = Log::listen();
    for (uri, status, logged) in cases {
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = read(app.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(response.status().as_u16(), status, "{uri}");
        assert!(
            !String::from_utf8_lossy(response.body()).contains("hunter2"),
            "{uri}"
        );
        let log = log.take();
        match logged {
            Some(logged) => {
                assert!(log.contains(logged), "{uri}: {log}");
                assert!(log.starts_with("ERROR"), "{uri}: {log}");
                assert_eq!(log.lines().count(), 1, "{uri}: {log}");
            }
            None => assert!(log.is_empty(), "{uri}: {log}"),
        }
    }
}
