//! What the layer answers, and what the handler gets.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    BoxError, Provided, Verified, compose, webhook::WebhookScheme, with_raw_webhook, with_webhook,
};

use super::{Event, NOW, at, signed, stripe};
use crate::common::{Body, problem, send, send_to};

const BODY: &str = r#"{"id":"evt_1","amount":5}"#;

#[tokio::test]
async fn the_handler_gets_the_event_its_bytes_and_the_body() {
    let layer = compose(with_webhook::<Event>(stripe()));
    let handler = |mut request: Request<Body>| async move {
        let event = Verified::<Event>::from_extensions(request.extensions_mut()).unwrap();
        assert_eq!(event.id, "evt_1");
        assert_eq!(event.event().amount, 5);
        assert_eq!(event.bytes(), BODY);
        assert_eq!((event.id(), event.timestamp()), (None, Some(at(NOW))));
        let body = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, BODY);
        Ok::<_, Infallible>(Response::new(Body::from("ok")))
    };
    let response = send_to(&layer, signed(&stripe(), "", BODY), handler).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_form_reaches_the_handler_as_bytes() {
    let scheme = WebhookScheme::slack("8f742231b10e8888abcd99yyyzzz85a5").unwrap();
    let scheme = scheme.clock(move || at(NOW));
    let layer = compose(with_raw_webhook(scheme.clone()));
    let handler = |mut request: Request<Body>| async move {
        let event = Verified::<Bytes>::from_extensions(request.extensions_mut()).unwrap();
        Ok::<_, Infallible>(Response::new(Full::from(event.into_event())))
    };
    let response = send_to(&layer, signed(&scheme, "", "command=%2Fweather"), handler).await;
    assert_eq!(response.body(), "command=%2Fweather");
}

#[tokio::test]
async fn each_fault_has_its_answer() {
    type Change = fn(&mut Request<Body>);
    let cases: [(&str, Change, u16, &str); 8] = [
        (
            "no signature",
            |request| request.headers_mut().clear(),
            400,
            "is missing",
        ),
        (
            "another body",
            |request| *request.body_mut() = Full::from("{}"),
            400,
            "The signature is not valid for this body.",
        ),
        (
            "an old signature",
            |request| *request.headers_mut() = stripe().sign("", at(NOW - 301), BODY).unwrap(),
            400,
            "differs from the time of the server by more than 300 seconds",
        ),
        (
            "a signature of the future",
            |request| *request.headers_mut() = stripe().sign("", at(NOW + 301), BODY).unwrap(),
            400,
            "differs from the time of the server by more than 300 seconds",
        ),
        (
            "a coding",
            |request| {
                let gzip = HeaderValue::from_static("gzip");
                request.headers_mut().insert(header::CONTENT_ENCODING, gzip);
            },
            415,
            "content coding",
        ),
        (
            "too large",
            |request| *request = signed(&stripe(), "", &" ".repeat(101)),
            413,
            "100 bytes",
        ),
        (
            "no JSON",
            |request| *request = signed(&stripe(), "", "{"),
            400,
            "not JSON",
        ),
        (
            "another event",
            |request| *request = signed(&stripe(), "", r#"{"id":7}"#),
            422,
            "not an event of the expected form",
        ),
    ];
    let layer = with_webhook::<Event>(stripe()).max_body_bytes(100);
    for (name, change, status, text) in cases {
        let mut request = signed(&stripe(), "", BODY);
        change(&mut request);
        let response = send(&layer, request).await;
        let status = StatusCode::from_u16(status).unwrap();
        let json = problem(&response, status);
        let detail = json["detail"].as_str().unwrap();
        assert!(detail.contains(text), "{name}: {detail}");
        assert!(!detail.contains("Event"), "{detail}");
    }
}

/// A body that arrives byte by byte, with a pause before each, and may break.
struct Slow {
    left: Bytes,
    is_broken: bool,
    paused: bool,
}

impl From<Bytes> for Slow {
    fn from(left: Bytes) -> Self {
        let (is_broken, paused) = (false, false);
        Self {
            left,
            is_broken,
            paused,
        }
    }
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.paused = !self.paused;
        if self.paused {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.left.is_empty() {
            let broken = self.is_broken.then(|| Err("connection reset".into()));
            return Poll::Ready(broken);
        }
        let byte = self.left.split_to(1);
        Poll::Ready(Some(Ok(Frame::data(byte))))
    }
}

#[tokio::test]
async fn a_body_that_arrives_byte_by_byte_is_verified() {
    let cases = [
        (BODY, false, 100, StatusCode::OK),
        (BODY, true, 100, StatusCode::BAD_REQUEST),
        (BODY, false, 24, StatusCode::PAYLOAD_TOO_LARGE),
        (
            r#"{"id":"evt_2","amount":5}"#,
            false,
            100,
            StatusCode::BAD_REQUEST,
        ),
    ];
    for (body, is_broken, max_bytes, status) in cases {
        let layer = with_webhook::<Event>(stripe()).max_body_bytes(max_bytes);
        let handler = service_fn(|request: Request<Slow>| async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, BODY);
            Ok::<_, Infallible>(Response::new(Body::from("ok")))
        });
        let (head, _) = signed(&stripe(), "", BODY).into_parts();
        let body = Slow {
            is_broken,
            ..Slow::from(Bytes::from(body))
        };
        let request = Request::from_parts(head, body);
        let response = layer.layer(handler).oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
    }
}
