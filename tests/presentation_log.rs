//! What the client is not told is in the log. Alone in its file: `tracing` remembers for the whole
//! process whether anybody listens to an event.
#![cfg(all(feature = "presentation", feature = "tracing"))]

mod support;

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body, routing::get};
use http::{Request, StatusCode};
use support::read;
use tower::ServiceExt;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use wythe::{compose, with_presentation};

/// Keeps every event of this crate as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "wythe"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = self.0.lock().unwrap();
        text.push_str(event.metadata().level().as_str());
        event.record(&mut Fields(&mut text));
        text.push('\n');
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {field}={value:?}"));
    }
}

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
async fn what_the_client_is_not_told_is_in_the_log() {
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
        ("/crash-without-text", 500, Some("panic=\"(not a text)\"")),
        ("/secret", 502, Some("text=\"db-7.internal: hunter2\"")),
        ("/teapot", 418, None),
        ("/ok", 200, None),
    ];
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    for (uri, status, logged) in cases {
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = read(app.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(response.status().as_u16(), status, "{uri}");
        assert!(
            !String::from_utf8_lossy(response.body()).contains("hunter2"),
            "{uri}"
        );
        let log = std::mem::take(&mut *log.0.lock().unwrap());
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
