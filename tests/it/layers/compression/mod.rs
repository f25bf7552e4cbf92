//! `with_compression`: what is compressed, and the entity tags on both ways.

use std::{
    io::Read,
    time::{Duration, Instant},
};

use axum::{
    Extension, Json, Router,
    body::{Body, to_bytes},
    response::IntoResponse,
    routing::{get, put},
};
use flate2::read::GzDecoder;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use proptest::prelude::*;
use serde_json::Value;
use tower::ServiceExt;
use tower_http::compression::CompressionLayer;
use wythe::{
    Compression, Conditional, ETag, ExpectedVersion, Problem, compose, compression::NotCompressed,
    with, with_compression, with_conditional, with_presentation,
};

const TEXT: &str = "all work and no play makes Jack a dull boy; ";

fn long() -> String {
    TEXT.repeat(100)
}

async fn send(app: Router, method: &str, fields: &[(&str, &str)]) -> Response<Vec<u8>> {
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let (head, body) = app.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Response::from_parts(head, body)
}

/// The response with these fields, compressed where the client accepts all codings.
async fn coding_of(fields: &[(&'static str, &'static str)], status: u16) -> Option<HeaderValue> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let value = HeaderValue::from_static(value);
        headers.append(HeaderName::from_static(name), value);
    }
    let status = StatusCode::from_u16(status).unwrap();
    let handler = move || async move {
        let mut response = Response::new(Body::from(long()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(compose(with_compression(Compression::gzip())));
    let response = send(app, "GET", &[("accept-encoding", "gzip")]).await;
    response.headers().get("content-encoding").cloned()
}

#[tokio::test]
async fn text_is_compressed_and_what_is_compressed_is_not() {
    let json = ("content-type", "application/json");
    type Fields = &'static [(&'static str, &'static str)];
    let cases: &[(Fields, u16, bool)] = &[
        (&[("content-type", "text/plain; charset=utf-8")], 200, true),
        (&[("content-type", "Application/Problem+JSON")], 200, true),
        (&[("content-type", "application/atom+xml")], 200, true),
        (&[("content-type", "image/svg+xml")], 200, true),
        (&[("content-type", "application/json")], 500, true),
        (&[("content-type", "text/plain")], 400, false),
        (&[], 200, false),
        (&[("content-type", "text/event-stream")], 200, false),
        (&[("content-type", "image/png")], 200, false),
        (&[("content-type", "application/zip")], 200, false),
        (&[("content-type", "application/octet-stream")], 200, false),
        (
            &[
                ("content-type", "application/json"),
                ("cache-control", "public, No-Transform"),
            ],
            200,
            false,
        ),
        (
            &[
                ("content-type", "application/json"),
                ("content-range", "bytes 0-9/10"),
            ],
            206,
            false,
        ),
        (
            &[
                ("content-type", "application/json"),
                ("repr-digest", "sha-256=:AA==:"),
            ],
            200,
            false,
        ),
    ];
    for (fields, status, expected) in cases {
        let coding = coding_of(fields, *status).await;
        assert_eq!(coding.is_some(), *expected, "{fields:?} {status}");
    }
    let own = coding_of(&[json, ("content-encoding", "zstd")], 200).await;
    assert_eq!(own.unwrap(), "zstd");
}

fn app(policy: Compression) -> Router {
    async fn text() -> (ETag, String) {
        (ETag::version(7), long())
    }
    let stack = compose((
        with_compression(policy),
        with_conditional(Conditional::new()),
    ));
    Router::new().route("/", get(stack.handler(text)))
}

#[tokio::test]
async fn a_client_gets_a_coding_that_it_accepts() {
    let all = Compression::gzip().br().deflate();
    let cases = [
        (Compression::gzip(), "gzip", Some("gzip")),
        (Compression::gzip(), "br", None),
        (Compression::gzip(), "gzip;q=0", None),
        (Compression::gzip(), "GZIP;q=0.5, br", Some("gzip")),
        (all, "gzip, deflate, br", Some("br")),
        (all, "deflate", Some("deflate")),
        (all, "gzip, br;q=0.1", Some("gzip")),
        (all, "zstd", None),
        // Neither a coding nor the plain body: it is sent all the same.
        (all, "identity;q=0, zstd", None),
        (all, "*;q=0", None),
    ];
    for (policy, accepted, coding) in cases {
        let response = send(app(policy), "GET", &[("accept-encoding", accepted)]).await;
        assert_eq!(response.status(), 200, "{accepted}");
        assert_eq!(response.headers()["vary"], "accept-encoding");
        let got = response.headers().get("content-encoding");
        assert_eq!(
            got.map(HeaderValue::as_bytes),
            coding.map(str::as_bytes),
            "{accepted}"
        );
        let tag = coding.map_or_else(|| "\"7\"".into(), |coding| format!("\"7-{coding}\""));
        assert_eq!(response.headers()["etag"], tag);
        if coding == Some("gzip") {
            let mut text = String::new();
            let mut decoder = GzDecoder::new(response.body().as_slice());
            decoder.read_to_string(&mut text).unwrap();
            assert_eq!(text, long());
        }
    }
    let plain = send(app(all), "GET", &[]).await;
    assert_eq!(plain.headers()["vary"], "accept-encoding");
    let head = send(app(all), "HEAD", &[("accept-encoding", "gzip")]).await;
    assert_eq!(head.headers()["vary"], "accept-encoding");
}

#[tokio::test]
async fn small_bodies_and_those_with_secrets_are_not_compressed() {
    let layer = || compose(with_compression(Compression::gzip().min_bytes(100)));
    let gzip = [("accept-encoding", "gzip")];
    for (length, is_compressed) in [(99, false), (100, true)] {
        let handler = move || async move { "a".repeat(length) };
        let app = Router::new().route("/", get(handler)).layer(layer());
        let response = send(app, "GET", &gzip).await;
        assert_eq!(
            response.headers().contains_key("content-encoding"),
            is_compressed
        );
    }
    let unknown = || async {
        let parts = stream::iter(["a", "b"].map(Ok::<_, std::convert::Infallible>));
        ([("content-type", "text/plain")], Body::from_stream(parts))
    };
    let app = Router::new().route("/", get(unknown)).layer(layer());
    assert!(
        send(app, "GET", &gzip)
            .await
            .headers()
            .contains_key("content-encoding")
    );

    let secret = || async { (Extension(NotCompressed), long()) };
    let app = Router::new().route("/", get(secret)).layer(layer());
    let response = send(app, "GET", &gzip).await;
    assert!(!response.headers().contains_key("content-encoding"));

    let stack = compose((with(NotCompressed),));
    let route = get(stack.handler(async || long()));
    let app = Router::new().route("/", route).layer(layer());
    let response = send(app, "GET", &gzip).await;
    assert!(!response.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn the_tag_of_a_coding_is_accepted_for_reads_and_writes() {
    async fn show() -> (ETag, String) {
        (ETag::version(7), long())
    }
    async fn replace(expected: ExpectedVersion) -> Result<String, Problem> {
        Ok(format!("{:?}", expected.version()?))
    }
    let current = Conditional::new().current(|_| Some(ETag::version(7)));
    let reads = compose((with_conditional(Conditional::new()),));
    let writes = compose((with_conditional(current.require_precondition()),));
    let app = Router::new()
        .route("/", get(reads.handler(show)))
        .route("/", put(writes.handler(replace)))
        .layer(compose(with_compression(Compression::gzip().br())));

    let got = send(app.clone(), "GET", &[("accept-encoding", "gzip")]).await;
    let tag = got.headers()["etag"].to_str().unwrap();
    assert_eq!(tag, "\"7-gzip\"");
    let written = send(app.clone(), "PUT", &[("if-match", tag)]).await;
    assert_eq!(written.status(), 200);
    assert_eq!(written.body(), b"Some(7)");

    // What the client sends, and what a 304 says.
    for (sent, status, etag) in [
        ("\"7-gzip\"", 304, "\"7-gzip\""),
        ("\"6-br\", \"7-br\"", 304, "\"7-br\""),
        ("W/\"7-gzip\"", 304, "W/\"7-gzip\""),
        ("\"7\"", 304, "\"7\""),
        ("\"7-gzip\", \"7\"", 304, "\"7\""),
        ("*", 304, "\"7\""),
        ("\"6-gzip\"", 200, "\"7-gzip\""),
        // A coding that is not offered.
        ("\"7-deflate\"", 200, "\"7-gzip\""),
        ("\"7-\"", 200, "\"7-gzip\""),
    ] {
        let fields = [
            ("accept-encoding", "gzip, br;q=0.5"),
            ("if-none-match", sent),
        ];
        let got = send(app.clone(), "GET", &fields).await;
        assert_eq!(got.status(), status, "{sent}");
        assert_eq!(got.headers()["etag"], etag, "{sent}");
        assert_eq!(got.headers()["vary"], "accept-encoding");
    }
    // A copy that the client does not accept now is not a copy of what it would get.
    for accepted in ["identity", "gzip;q=0, *", "br", "deflate, *;q=0.000"] {
        let fields = [
            ("accept-encoding", accepted),
            ("if-none-match", "\"7-gzip\""),
        ];
        assert_eq!(
            send(app.clone(), "GET", &fields).await.status(),
            200,
            "{accepted}"
        );
    }
    for accepted in ["gzip", "GZIP; q=1", "br, *"] {
        let fields = [
            ("accept-encoding", accepted),
            ("if-none-match", "\"7-gzip\""),
        ];
        assert_eq!(
            send(app.clone(), "GET", &fields).await.status(),
            304,
            "{accepted}"
        );
    }
    // A shared cache asks for one client with the tags of all its copies (RFC 9111, section 4.3.1).
    let fields = [
        ("accept-encoding", "gzip"),
        ("if-none-match", "\"7-br\", \"7-gzip\""),
    ];
    let got = send(app.clone(), "GET", &fields).await;
    assert_eq!(got.status(), 304);
    assert_eq!(got.headers()["etag"], "\"7-gzip\"");
    for (sent, status) in [
        ("\"6-gzip\"", 412),
        ("W/\"7-gzip\"", 412),
        ("\"7-deflate\"", 412),
    ] {
        let got = send(app.clone(), "PUT", &[("if-match", sent)]).await;
        assert_eq!(got.status(), status, "{sent}");
    }
}

#[tokio::test]
async fn long_lists_cost_no_more_than_their_length() {
    let app = Router::new()
        .route("/", get(async || (ETag::version(7), long())))
        .layer(compose(with_compression(Compression::gzip())));
    let tags = vec!["\"-gzip\""; 20_000].join(",");
    let codings = vec!["a"; 100_000].join(",");
    let started = Instant::now();
    let fields = [("accept-encoding", &*codings), ("if-none-match", &*tags)];
    let got = send(app, "GET", &fields).await;
    assert_eq!(got.status(), 200);
    // Each tag with each coding would take minutes.
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn weak_tags_stay() {
    let handler = || async { (ETag::weak("7").unwrap(), long()) };
    let app = Router::new()
        .route("/", get(handler))
        .layer(compose(with_compression(Compression::gzip())));
    let got = send(app, "GET", &[("accept-encoding", "gzip")]).await;
    assert_eq!(got.headers()["content-encoding"], "gzip");
    assert_eq!(got.headers()["etag"], "W/\"7\"");
}

#[tokio::test]
async fn a_refusal_is_shaped_before_it_is_compressed_in_any_order() {
    async fn rejects(_: Json<Vec<u8>>) {}
    let compression = || with_compression(Compression::gzip().min_bytes(0));
    let bare = CompressionLayer::new;
    let routes = || Router::new().route("/", put(rejects));
    for (order, app) in [
        (
            "outside",
            routes().layer(compose((compression(), with_presentation()))),
        ),
        (
            "inside",
            routes().layer(compose((with_presentation(), compression()))),
        ),
        (
            "tower-http's outside",
            routes().layer(compose((bare(), with_presentation()))),
        ),
        (
            "tower-http's inside",
            routes().layer(compose((with_presentation(), bare()))),
        ),
    ] {
        let fields = [("accept-encoding", "gzip")];
        let got = send(app, "PUT", &fields).await;
        assert_eq!(got.status(), 415, "{order}");
        let mut body = got.body().clone();
        if got.headers().contains_key("content-encoding") {
            assert_eq!(got.headers()["content-encoding"], "gzip", "{order}");
            let mut plain = Vec::new();
            GzDecoder::new(body.as_slice())
                .read_to_end(&mut plain)
                .unwrap();
            body = plain;
        }
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert!(problem["detail"].is_string(), "{order}: {problem}");
    }
}

#[tokio::test]
async fn a_406_of_the_handler_stays() {
    let handler = || async { StatusCode::NOT_ACCEPTABLE.into_response() };
    let app = Router::new()
        .route("/", get(handler))
        .layer(compose(with_compression(Compression::gzip())));
    assert_eq!(send(app, "GET", &[]).await.status(), 406);
}

proptest! {
    #[test]
    fn no_list_of_tags_loses_a_member(
        tags in prop::collection::vec("(W/)?\"[!#-~]{0,6}(-gzip|-br)?\"", 0..4),
        is_match: bool,
    ) {
        let name = if is_match { "if-match" } else { "if-none-match" };
        let handler = move |headers: HeaderMap| async move {
            let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap());
            lines.collect::<Vec<_>>().join("\n")
        };
        let app = Router::new()
            .route("/", get(handler))
            .layer(compose(with_compression(Compression::gzip().br())));
        let sent = tags.join(", ");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let fields = [("accept-encoding", "gzip, br"), (name, &sent)];
        let got = runtime.block_on(send(app, "GET", &fields));
        let got = String::from_utf8(got.into_body()).unwrap();
        // The line of the client comes first, as it was sent.
        prop_assert_eq!(got.split('\n').next(), Some(&*sent));
        let own = |tag: &&String| tag.ends_with("-gzip\"") || tag.ends_with("-br\"");
        prop_assert_eq!(got.split('\n').count(), 1 + tags.iter().filter(own).count());
    }
}
