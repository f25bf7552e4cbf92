//! The one body type, and the layer that converts every body to it.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Collected, Empty, Full, combinators::BoxBody};
use tower::{ServiceExt, service_fn};
use wythe::{
    Body, Later, Middleware, Place, Problem, Step, compose, stage, with, with_body_adapter,
};

use crate::common::{problem, read, scripted::Scripted};

async fn bytes(body: Body) -> Bytes {
    body.collect().await.map(Collected::to_bytes).unwrap()
}

#[tokio::test]
async fn a_body_in_memory_is_one_frame_of_known_length() {
    let cases = [
        ("Bytes", Body::from(Bytes::from_static(b"text"))),
        ("str", Body::from("text")),
        ("slice", Body::from(&b"text"[..])),
        ("String", Body::from(String::from("text"))),
        ("Vec", Body::from(b"text".to_vec())),
    ];
    for (name, mut body) in cases {
        assert_eq!(body.size_hint().exact(), Some(4), "{name}");
        assert!(!body.is_end_stream(), "{name}");
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "text", "{name}");
        assert!(body.is_end_stream(), "{name}");
        assert_eq!(body.size_hint().exact(), Some(0), "{name}");
        assert!(body.frame().await.is_none(), "{name}");
    }
}

#[tokio::test]
async fn an_empty_body_has_no_frame() {
    let ended = Body::stream(Empty::<Bytes>::new());
    for mut body in [Body::empty(), Body::default(), Body::from(""), ended] {
        assert_eq!(format!("{body:?}"), "Body(0 bytes)", "no box");
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test]
async fn a_stream_keeps_frames_trailers_length_and_error() {
    let mut trailers = HeaderMap::new();
    trailers.insert("digest", HeaderValue::from_static("x"));
    let script = Scripted::data(&[b"one", b"two"], Some(6))
        .then(Ok(Frame::trailers(trailers.clone())))
        .then(Err("connection reset"));
    let mut body = Body::stream(script);
    assert_eq!(body.size_hint().exact(), Some(6));
    for expected in ["one", "two"] {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), expected);
    }
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_trailers().unwrap(), trailers);
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "connection reset");
    assert!(body.frame().await.is_none());
}

/// A body whose data are not `Bytes`, in two pieces.
struct ChunkedBody(Option<VecDeque<u8>>);

impl http_body::Body for ChunkedBody {
    type Data = VecDeque<u8>;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<VecDeque<u8>>, Infallible>>> {
        Poll::Ready(self.0.take().map(|data| Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[tokio::test]
async fn data_of_another_type_is_converted_to_bytes() {
    let mut data = VecDeque::from(*b"world");
    for byte in b"hello ".iter().rev() {
        data.push_front(*byte);
    }
    assert_eq!(
        bytes(Body::stream(ChunkedBody(Some(data)))).await,
        "hello world"
    );
}

#[tokio::test]
async fn wrapping_a_body_again_returns_it_unchanged() {
    let memory = Body::stream(Body::from("text"));
    assert_eq!(format!("{memory:?}"), "Body(4 bytes)");
    assert_eq!(memory.size_hint().exact(), Some(4));
    let stream = Body::stream(Body::stream(Scripted::data(&[b"text"], None)));
    assert_eq!(format!("{stream:?}"), "Body(stream)");
    assert_eq!(bytes(stream).await, "text");
}

#[test]
fn debug_does_not_show_the_bytes() {
    assert_eq!(format!("{:?}", Body::from("hunter2")), "Body(7 bytes)");
}

#[test]
fn a_body_is_send() {
    const fn is_send<T: Send + 'static>() {}
    is_send::<Body>();
}

/// A body that can't be built from bytes, such as hyper's `Incoming`.
struct Incoming(Scripted);

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

/// Rejects requests without a body, for which it needs `From<Bytes>`.
#[derive(Clone)]
struct RequiresBody;

impl Place for RequiresBody {
    type Stage = stage::Admit;
    type Provides = ();
    type Needs = ();
}

impl<B: http_body::Body> Middleware<B> for RequiresBody {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        if request.uri() == "/refused" {
            return Step::reply(Problem::new(StatusCode::FORBIDDEN));
        }
        Step::next(request, ())
    }
}

#[tokio::test]
async fn with_body_adapter_lets_a_layer_respond_around_a_service_with_another_body() {
    let echo = service_fn(async |request: Request<Body>| {
        let body: BoxBody<Bytes, wythe::BoxError> = Full::new(bytes(request.into_body()).await)
            .map_err(Into::into)
            .boxed();
        Ok::<_, Infallible>(Response::new(body))
    });
    let service = compose((with(RequiresBody), with_body_adapter())).service(echo);
    let ask = |uri: &str| {
        let body = Incoming(Scripted::data(&[b"he", b"llo"], None));
        service
            .clone()
            .oneshot(Request::post(uri).body(body).unwrap())
    };
    let response = read(ask("/").await.unwrap()).await;
    assert_eq!(response.body(), "hello");
    let response = read(ask("/refused").await.unwrap()).await;
    problem(&response, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn with_body_adapter_keeps_errors_of_the_service() {
    let closed = service_fn(async |_: Request<Body>| Err::<Response<Body>, _>("closed"));
    let service = compose((with_body_adapter(),)).service(closed);
    let result = service.oneshot(Request::new(Body::empty())).await;
    assert_eq!(result.err(), Some("closed"));
}

#[test]
fn with_body_adapter_can_be_anywhere_in_a_stack() {
    let stack = compose((with_body_adapter(), with(RequiresBody), with_body_adapter()));
    let rows = stack.describe();
    let names: Vec<_> = rows
        .iter()
        .map(|(stage, layer)| (*stage, layer.name()))
        .collect();
    assert_eq!(
        names,
        [
            ("Any", "with_body_adapter"),
            ("Admit", "RequiresBody"),
            ("Any", "with_body_adapter")
        ]
    );
}
