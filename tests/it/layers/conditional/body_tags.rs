//! Tags that are made from bodies.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use tower::ServiceExt;
use wythe::{Conditional, ETag, compose, with_conditional};

use super::{answer, request, with_fields};

#[tokio::test]
async fn a_short_body_in_memory_gets_a_tag() {
    let layer = with_conditional(Conditional::new().tag_bodies(5));
    // Status, fields, body, whether it gets a tag.
    let cases: &[(u16, &[(&str, &str)], &str, bool)] = &[
        (200, &[], "hello", true),
        (200, &[("content-type", "text/plain")], "hello", true),
        (200, &[], "hello!", false),
        (200, &[], "", false),
        (200, &[("etag", "\"7\"")], "hello", false),
        (
            200,
            &[("content-type", "Text/Event-Stream; charset=utf-8")],
            "hello",
            false,
        ),
        (201, &[], "hello", false),
        (206, &[], "hello", false),
        (404, &[], "hello", false),
    ];
    for (status, fields, body, is_tagged) in cases {
        let response = answer(
            &layer,
            request("GET", &[]),
            with_fields(*status, fields, body),
        )
        .await;
        let tag = ETag::of(response.headers());
        assert_eq!(response.body(), body);
        assert_eq!(
            tag == Some(ETag::of_bytes(b"hello")),
            *is_tagged,
            "{status} {fields:?}"
        );
    }
    let written = answer(&layer, request("POST", &[]), with_fields(200, &[], "hello")).await;
    assert!(!written.headers().contains_key("etag"));
    let untagged = with_conditional(Conditional::new());
    let response = answer(
        &untagged,
        request("GET", &[]),
        with_fields(200, &[], "hello"),
    )
    .await;
    assert!(!response.headers().contains_key("etag"));
}

#[tokio::test]
async fn the_tag_of_a_body_is_compared() {
    let layer = with_conditional(Conditional::new().tag_bodies(100));
    let tag = ETag::of_bytes(b"hello").to_string();
    for (body, status) in [("hello", 304), ("changed", 200)] {
        let ask = request("GET", &[("if-none-match", &tag)]);
        let response = answer(&layer, ask, with_fields(200, &[], body)).await;
        assert_eq!(response.status(), status);
    }
}

#[test]
fn the_tag_of_a_body_is_the_same_everywhere() {
    // The first half of the SHA-256 of `hello`.
    assert_eq!(
        ETag::of_bytes(b"hello").to_string(),
        "\"2cf24dba5fb0a30e26e83b2ac5b9e29e\""
    );
    assert!(!ETag::of_bytes(b"").is_weak());
}

fn app(body: fn() -> Response<Body>) -> Router {
    let stack = compose(with_conditional(Conditional::new().tag_bodies(100)));
    Router::new().route("/", get(stack.handler(move || async move { body() })))
}

async fn ask(app: Router) -> (HeaderMap, Result<Bytes, axum::Error>) {
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    (
        head.headers,
        body.collect().await.map(|body| body.to_bytes()),
    )
}

#[tokio::test(start_paused = true)]
async fn streams_are_not_read() {
    let (headers, body) = ask(app(|| {
        let endless = stream::repeat("tick").then(|text| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(text)
        });
        Response::new(Body::from_stream(endless.take(3)))
    }))
    .await;
    assert!(!headers.contains_key("etag"));
    assert_eq!(body.unwrap(), "tickticktick");
}

/// A body whose length is known before its bytes.
fn in_parts(parts: &'static [&'static str], length: u64) -> Body {
    struct Known<B>(B, u64);

    impl<B: http_body::Body<Data = Bytes> + Unpin> http_body::Body for Known<B> {
        type Data = Bytes;
        type Error = B::Error;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, B::Error>>> {
            std::pin::Pin::new(&mut self.0).poll_frame(cx)
        }

        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(self.1)
        }
    }

    let frames = parts.iter().map(|part| match *part {
        "broken" => Err("broken"),
        part => Ok(http_body::Frame::data(Bytes::from(part))),
    });
    Body::new(Known(StreamBody::new(stream::iter(frames)), length))
}

#[tokio::test]
async fn a_body_that_comes_in_parts_is_put_together() {
    let (headers, body) = ask(app(|| Response::new(in_parts(&["he", "", "llo"], 5)))).await;
    assert_eq!(ETag::of(&headers), Some(ETag::of_bytes(b"hello")));
    assert_eq!(body.unwrap(), "hello");
}

#[tokio::test]
async fn a_body_that_fails_is_a_500_and_never_a_part_of_it() {
    for (name, body) in [
        (
            "broken",
            (|| Response::new(in_parts(&["he", "broken"], 5))) as fn() -> _,
        ),
        ("too short", || Response::new(in_parts(&["he"], 5))),
        ("too long", || Response::new(in_parts(&["he", "llo!"], 5))),
    ] {
        let (headers, body) = ask(app(body)).await;
        assert_eq!(
            headers["content-type"], "application/problem+json",
            "{name}"
        );
        assert!(body.unwrap().ends_with(b"\"status\":500}"), "{name}");
    }
}
