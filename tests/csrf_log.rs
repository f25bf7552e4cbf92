//! The reason for a refusal is in the log, and no credential. Alone in its file: `tracing`
//! remembers for the whole process whether anybody listens to an event.
#![cfg(all(feature = "csrf-token", feature = "tracing"))]

mod support;

use std::sync::{Arc, Mutex};

use http::{Request, StatusCode};
use support::{empty, send};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use wythe::{Csrf, CsrfTokens, with_csrf};

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

#[tokio::test]
async fn each_refusal_is_one_event_with_its_reason_and_no_credential() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let tokens = CsrfTokens::new("the key that signs tokens, in forty bytes").unwrap();
    let stolen = tokens.issue("hunter3").to_string();
    let csrf = Csrf::same_origin().fallback_token(tokens, |head| {
        let cookie = head.headers.get("cookie")?.to_str().ok()?;
        cookie.strip_prefix("session=").map(Into::into)
    });
    let layer = with_csrf(csrf);
    let cases: [(&[(&str, &str)], &str); 5] = [
        (
            &[("sec-fetch-site", "cross-site")],
            "another site sent it, by Sec-Fetch-Site",
        ),
        (
            &[("host", "a.b"), ("origin", "https://evil.example")],
            "another origin sent it",
        ),
        (&[("origin", "null")], "the origin is null"),
        (&[], "no token"),
        (
            &[("x-csrf-token", &stolen)],
            "the token is not of this session",
        ),
    ];
    for (fields, reason) in cases {
        let mut request = Request::post("/").header("cookie", "session=hunter2");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let response = send(&layer, request.body(empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        let event = std::mem::take(&mut *log.0.lock().unwrap());
        assert_eq!(event.lines().count(), 1, "{event}");
        assert!(
            event.contains("Csrf") && event.contains("status=403"),
            "{event}"
        );
        assert!(event.contains(&format!("cause={reason}")), "{event}");
        for secret in ["hunter", &stolen, "evil"] {
            assert!(!event.contains(secret), "{event}");
        }
        let body = String::from_utf8_lossy(response.body());
        assert!(!body.contains(reason), "{body}");
    }
    let passing = Request::post("/").header("sec-fetch-site", "none");
    let response = send(&layer, passing.body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(*log.0.lock().unwrap(), "");
}
