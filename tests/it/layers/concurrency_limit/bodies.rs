//! A request is in progress until the body of its response has ended.

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use tower::{Layer, Service, service_fn};
use wythe::{
    Placed,
    concurrency_limit::{ConcurrencyLimiter, Guarded, Overall},
};

use super::{counts, now, only};
use crate::common::{Body, empty, scripted::Scripted};

/// The body of a response that a handler has answered with.
fn answered<R>(layer: &Placed<ConcurrencyLimiter<Overall>>, body: R) -> Pin<Box<Guarded<R>>>
where
    R: http_body::Body + From<Bytes>,
{
    let body = Arc::new(Mutex::new(Some(body)));
    let handler = service_fn(move |_: Request<Body>| {
        let body = body.lock().unwrap().take().unwrap();
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let Ok(answer) = now(layer.layer(handler).call(Request::new(empty())));
    Box::pin(answer.into_body())
}

fn frame<R: http_body::Body>(body: &mut Pin<Box<Guarded<R>>>) -> Option<Result<R::Data, R::Error>> {
    match body
        .as_mut()
        .poll_frame(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(frame) => frame.map(|frame| frame.map(|frame| frame.into_data().ok().unwrap())),
        Poll::Pending => panic!("the body waits"),
    }
}

#[test]
fn a_body_that_knows_its_length_ends_with_its_last_frame() {
    let layer = only(1);
    let mut body = answered(&layer, Body::from("whole"));
    assert_eq!(counts(&layer), (1, 0));
    assert_eq!(frame(&mut body), Some(Ok(Bytes::from("whole"))));
    // It is neither polled again nor dropped.
    assert_eq!(counts(&layer), (0, 0));
    assert!(frame(&mut body).is_none());
}

#[test]
fn a_body_of_unknown_length_ends_when_it_returns_none() {
    let layer = only(1);
    let mut body = answered(&layer, Scripted::data(&[b"a", b"b"], None));
    for data in ["a", "b"] {
        assert_eq!(frame(&mut body), Some(Ok(Bytes::from(data))));
        assert_eq!(counts(&layer), (1, 0));
    }
    assert_eq!(frame(&mut body), None);
    assert_eq!(counts(&layer), (0, 0));
}

#[test]
fn trailers_are_part_of_the_body() {
    let layer = only(1);
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "7".parse().unwrap())]);
    let script = Scripted::data(&[b"a"], None).then(Ok(Frame::trailers(trailers.clone())));
    let body = answered(&layer, script);
    let collected = now(body.collect()).unwrap();
    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(counts(&layer), (0, 0));
}

#[test]
fn a_body_that_fails_has_ended() {
    let layer = only(1);
    let mut body = answered(&layer, Scripted::data(&[b"a"], None).then(Err("disk")));
    assert_eq!(frame(&mut body), Some(Ok(Bytes::from("a"))));
    assert_eq!(counts(&layer), (1, 0));
    assert_eq!(frame(&mut body), Some(Err("disk")));
    assert_eq!(counts(&layer), (0, 0));
}

#[test]
fn a_body_that_is_dropped_has_ended() {
    let layer = only(1);
    let mut body = answered(&layer, Scripted::data(&[b"a", b"b"], None));
    assert_eq!(frame(&mut body), Some(Ok(Bytes::from("a"))));
    assert_eq!(counts(&layer), (1, 0));
    drop(body);
    assert_eq!(counts(&layer), (0, 0));
}

#[test]
fn a_body_that_panics_has_ended_when_it_is_dropped() {
    let layer = only(1);
    let mut body = answered(&layer, Scripted::data(&[], None).then(Err("panic")));
    catch_unwind(AssertUnwindSafe(|| drop(frame(&mut body)))).unwrap_err();
    drop(body);
    assert_eq!(counts(&layer), (0, 0));
}

#[test]
fn a_pending_body_has_not_ended() {
    #[derive(Clone)]
    struct Waits;
    impl From<Bytes> for Waits {
        fn from(_: Bytes) -> Self {
            Self
        }
    }
    impl http_body::Body for Waits {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }
    let layer = only(1);
    let mut body = answered(&layer, Waits);
    let mut context = Context::from_waker(Waker::noop());
    assert!(body.as_mut().poll_frame(&mut context).is_pending());
    assert_eq!(counts(&layer), (1, 0));
}

#[test]
fn an_empty_body_ends_with_the_head() {
    let layer = only(1);
    let body = answered(&layer, Body::default());
    assert_eq!(counts(&layer), (0, 0));
    assert!(body.is_end_stream());
}

#[test]
fn length_and_end_are_those_of_the_inner_body() {
    let layer = only(9);
    let body = answered(&layer, Body::from("whole"));
    assert_eq!(body.size_hint().exact(), Some(5));
    assert!(!body.is_end_stream());
    assert_eq!(
        answered(&layer, Scripted::data(&[], Some(9)))
            .size_hint()
            .exact(),
        Some(9)
    );
    assert_eq!(
        answered(&layer, Scripted::data(&[], None))
            .size_hint()
            .exact(),
        None
    );
    assert!(answered(&layer, Body::default()).is_end_stream());
    assert!(!Guarded::<Body>::from(Bytes::from("x")).is_end_stream());
}

#[test]
fn debug_shows_no_bytes() {
    let body = answered(&only(1), Body::from("the password"));
    let shown = format!("{body:?}");
    assert!(
        shown.contains("Guarded") && !shown.contains("password"),
        "{shown}"
    );
}
