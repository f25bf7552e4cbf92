//! How `with_validation` reads bodies: limits, frames, errors, and what is left to the handler.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use garde::Validate;
use http::{Request, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full, Limited};
use proptest::prelude::*;
use serde::Deserialize;
use tower::{Layer, ServiceExt, service_fn};
use wythe::{Json, Later, Middleware, Placed, Provided, Step, Valid, Validation, with_validation};

use crate::common::{self, problem};

#[derive(Deserialize, Validate)]
struct Text {
    #[garde(skip)]
    text: String,
}

/// What a body does when it is polled.
#[derive(Clone, Debug)]
enum Event {
    Data(Bytes),
    Trailers,
    Wait,
    Break,
}

/// A body that follows a script, counts the bytes that were pulled from it, and repeats its last
/// event forever if it is endless.
struct Scripted {
    events: VecDeque<Event>,
    endless: bool,
    announced: SizeHint,
    pulled: Arc<AtomicUsize>,
}

impl Scripted {
    fn new(events: impl IntoIterator<Item = Event>) -> Self {
        Self {
            events: events.into_iter().collect(),
            endless: false,
            announced: SizeHint::default(),
            pulled: Arc::default(),
        }
    }

    fn endless(event: Event) -> Self {
        let endless = true;
        Self {
            endless,
            ..Self::new([event])
        }
    }
}

impl From<Bytes> for Scripted {
    fn from(bytes: Bytes) -> Self {
        Self::new([Event::Data(bytes)])
    }
}

impl http_body::Body for Scripted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.pulled.fetch_add(1, Ordering::Relaxed);
        let event = match self.endless {
            true => self.events.front().cloned(),
            false => self.events.pop_front(),
        };
        match event {
            None => Poll::Ready(None),
            Some(Event::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Event::Trailers) => Poll::Ready(Some(Ok(Frame::trailers(http::HeaderMap::new())))),
            Some(Event::Wait) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Event::Break) => {
                Poll::Ready(Some(Err(io::Error::other("connection reset by 10.0.0.7"))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.announced
    }
}

fn data(bytes: &str) -> Event {
    Event::Data(Bytes::copy_from_slice(bytes.as_bytes()))
}

fn request<B>(body: B) -> Request<B> {
    Request::post("/")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .unwrap()
}

/// Sends a request to a handler that answers with the text, a line, and the raw body.
async fn send<B>(layer: &Placed<Validation<Json<Text>>>, request: Request<B>) -> Response<Bytes>
where
    B: http_body::Body<
            Data = Bytes,
            Error: std::fmt::Debug + Into<Box<dyn std::error::Error + Send + Sync>>,
        >,
    B: From<Bytes> + Send + Unpin + 'static,
{
    let handler = service_fn(|mut request: Request<B>| async move {
        let valid = Valid::<Json<Text>>::from_extensions(request.extensions_mut()).unwrap();
        let raw = request.into_body().collect().await.unwrap().to_bytes();
        let body = [valid.text.as_bytes(), b"\n", &raw].concat();
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body))))
    });
    common::read(layer.layer(handler).oneshot(request).await.unwrap()).await
}

/// JSON of exactly this number of bytes.
fn json_of(bytes: usize) -> String {
    let empty = r#"{"text":""}"#;
    format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes - empty.len()))
}

#[tokio::test]
async fn the_handler_gets_the_value_and_the_raw_body_in_any_framing() {
    let raw = r#"{"text":"hello"}"#;
    let (head, tail) = raw.split_at(7);
    let bytewise = raw.split("").filter(|byte| !byte.is_empty()).map(data);
    let cases = [
        ("one frame", vec![data(raw)]),
        ("one frame, late", vec![Event::Wait, data(raw), Event::Wait]),
        ("two frames", vec![data(head), data(tail)]),
        (
            "two frames, late",
            vec![data(head), Event::Wait, data(tail)],
        ),
        (
            "empty frames",
            vec![data(""), data(head), data(""), data(tail), data("")],
        ),
        ("trailers", vec![data(raw), Event::Trailers]),
        ("a byte each", bytewise.collect()),
    ];
    let layer = with_validation::<Json<Text>>();
    for (name, events) in cases {
        let response = send(&layer, request(Scripted::new(events))).await;
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        assert_eq!(response.body(), &format!("hello\n{raw}"), "{name}");
    }
}

#[test]
fn a_body_in_memory_is_read_without_a_future_and_without_a_copy() {
    let layer = with_validation::<Json<Text>>();
    let raw = Bytes::from(json_of(1000));
    let Later::Ready(Step::Next(passed, ())) = layer
        .inner()
        .before(request(Scripted::new([Event::Data(raw.clone())])))
    else {
        panic!("the body was there");
    };
    let mut body = passed.into_body();
    let Some(Event::Data(left)) = body.events.pop_front() else {
        panic!("the body is gone");
    };
    assert_eq!(left.as_ptr(), raw.as_ptr());
    let refused = layer.inner().before(request(common::Body::from("{")));
    assert!(matches!(refused, Later::Ready(Step::Reply(_))));
    let late = request(Scripted::new([Event::Wait, Event::Data(raw)]));
    assert!(matches!(layer.inner().before(late), Later::Pending(_)));
}

#[tokio::test]
async fn the_limit_is_one_mebibyte_by_default() {
    let layer = with_validation::<Json<Text>>();
    let small = layer.clone().max_body_bytes(100);
    for (layer, limit) in [(layer, 1024 * 1024), (small, 100)] {
        for (bytes, passes) in [(limit - 1, true), (limit, true), (limit + 1, false)] {
            let written = json_of(bytes);
            let whole = request(Full::from(written.clone()));
            let (head, tail) = written.split_at(bytes - 1);
            let chunked = request(Scripted::new([data(head), data(tail)]));
            for response in [send(&layer, whole).await, send(&layer, chunked).await] {
                if passes {
                    assert_eq!(response.status(), StatusCode::OK, "{bytes}");
                    continue;
                }
                let json = problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
                assert_eq!(json["max_body_bytes"], limit);
                assert_eq!(
                    json["detail"],
                    format!("The body must not be larger than {limit} bytes.")
                );
            }
        }
    }
}

#[tokio::test]
async fn a_body_with_too_large_a_content_length_is_not_read() {
    let layer = with_validation::<Json<Text>>().max_body_bytes(100);
    for length in [
        "101",
        "0000000101",
        "18446744073709551616",
        "999999999999999999999999999",
    ] {
        let body = Scripted::new([data("{}")]);
        let pulled = Arc::clone(&body.pulled);
        let mut request = request(body);
        request
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length.parse().unwrap());
        problem(&send(&layer, request).await, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(pulled.load(Ordering::Relaxed), 0, "{length}");
    }
    let mut body = Scripted::new([data("{}")]);
    body.announced = SizeHint::with_exact(101);
    let pulled = Arc::clone(&body.pulled);
    problem(
        &send(&layer, request(body)).await,
        StatusCode::PAYLOAD_TOO_LARGE,
    );
    assert_eq!(pulled.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_wrong_content_length_changes_nothing() {
    let layer = with_validation::<Json<Text>>().max_body_bytes(100);
    for length in ["0", "1", "99", "-1", "+5", "x", "5, 5", ""] {
        for (bytes, status) in [(100, StatusCode::OK), (101, StatusCode::PAYLOAD_TOO_LARGE)] {
            let mut request = request(Scripted::new([data(&json_of(bytes))]));
            request
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length.parse().unwrap());
            assert_eq!(
                send(&layer, request).await.status(),
                status,
                "{length:?} {bytes}"
            );
        }
    }
}

#[tokio::test]
async fn an_endless_body_is_read_up_to_the_limit_only() {
    let layer = with_validation::<Json<Text>>().max_body_bytes(100);
    let body = Scripted::endless(data("[[[[[[[[[["));
    let pulled = Arc::clone(&body.pulled);
    problem(
        &send(&layer, request(body)).await,
        StatusCode::PAYLOAD_TOO_LARGE,
    );
    assert_eq!(pulled.load(Ordering::Relaxed), 11);
}

#[tokio::test]
async fn an_endless_body_that_is_always_ready_yields_to_other_tasks() {
    let layer = with_validation::<Json<Text>>();
    let body = Scripted::endless(data(""));
    let pulled = Arc::clone(&body.pulled);
    let task = tokio::spawn(async move { send(&layer, request(body)).await });
    // On one thread, this runs only if the other task yields.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(pulled.load(Ordering::Relaxed) > 1000);
    assert!(!task.is_finished());
    task.abort();
}

#[tokio::test]
async fn reads_a_megabyte_in_frames_of_one_byte() {
    let layer = with_validation::<Json<Text>>();
    let written = Bytes::from(json_of(1024 * 1024));
    let frames = (0..written.len()).map(|at| Event::Data(written.slice(at..=at)));
    let response = send(&layer, request(Scripted::new(frames))).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_fails_is_a_400_and_only_the_log_has_the_cause() {
    let layer = with_validation::<Json<Text>>();
    let cases = [
        vec![Event::Break],
        vec![data(r#"{"text":"#), Event::Break],
        vec![data(r#"{"text":""}"#), Event::Break],
        vec![data("{"), Event::Wait, Event::Break],
    ];
    for events in cases {
        let response = send(&layer, request(Scripted::new(events))).await;
        let json = problem(&response, StatusCode::BAD_REQUEST);
        assert_eq!(json["detail"], "The body could not be read completely.");
        let problem = response.extensions().get::<wythe::Problem>().unwrap();
        assert_eq!(
            problem.cause().unwrap().to_string(),
            "connection reset by 10.0.0.7"
        );
    }
}

/// A body that an outer layer limits, as `tower_http::limit` does.
struct Outer(Limited<Full<Bytes>>);

impl From<Bytes> for Outer {
    fn from(bytes: Bytes) -> Self {
        Self(Limited::new(Full::new(bytes), usize::MAX))
    }
}

impl http_body::Body for Outer {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

#[tokio::test]
async fn exceeding_an_outer_limit_is_a_413() {
    let layer = with_validation::<Json<Text>>();
    let limited = |limit| Outer(Limited::new(Full::from(json_of(50)), limit));
    problem(
        &send(&layer, request(limited(49))).await,
        StatusCode::PAYLOAD_TOO_LARGE,
    );
    assert_eq!(
        send(&layer, request(limited(50))).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_rejected_content_type_leaves_the_body_unread() {
    let layer = with_validation::<Json<Text>>();
    let body = Scripted::endless(data("x"));
    let pulled = Arc::clone(&body.pulled);
    let mut request = request(body);
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    problem(
        &send(&layer, request).await,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
    );
    assert_eq!(pulled.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_clone_of_the_request_shares_the_value() {
    let layer = with_validation::<Json<Text>>();
    let handler = service_fn(|request: Request<Full<Bytes>>| async move {
        let mut copy = request.extensions().clone();
        let value = Valid::<Json<Text>>::from_extensions(&mut copy);
        let mut original = request.into_parts().0.extensions;
        assert!(Valid::<Json<Text>>::from_extensions(&mut original).is_none());
        Ok::<_, Infallible>(Response::new(common::Body::from(
            value.unwrap().text.clone(),
        )))
    });
    let response = layer
        .layer(handler)
        .oneshot(request(Full::from(r#"{"text":"x"}"#)))
        .await;
    assert_eq!(common::read(response.unwrap()).await.body(), "x");
}

proptest! {
    #[test]
    fn framing_makes_no_difference(cuts in prop::collection::vec(0..200_usize, 0..8), waits in prop::collection::vec(any::<bool>(), 9), limit in 150..250_usize) {
        let written = json_of(200);
        let mut cuts: Vec<usize> = cuts.into_iter().chain([0, 200]).collect();
        cuts.sort_unstable();
        let mut events = Vec::new();
        for (cut, wait) in cuts.windows(2).zip(waits.iter().cycle()) {
            events.extend(wait.then_some(Event::Wait));
            events.push(data(&written[cut[0]..cut[1]]));
        }
        let layer = with_validation::<Json<Text>>().max_body_bytes(limit);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(send(&layer, request(Scripted::new(events))));
        if limit < 200 {
            problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
        } else {
            prop_assert_eq!(response.status(), StatusCode::OK);
            prop_assert!(response.body().ends_with(written.as_bytes()));
        }
    }
}
