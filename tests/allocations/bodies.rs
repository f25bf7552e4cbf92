//! Bodies: what a limit allocates, and how much memory a decompression bomb takes.

use std::{convert::Infallible, io::Write, time::Duration};

use axum::{Router, body::Body, extract::Request, response::Response, routing::post};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use http::StatusCode;
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceExt};
use wythe::{
    BodyLimit, Decompression, LingeringClose, compose, with_body_limit, with_decompression,
    with_lingering_close,
};
use wythe_bench_harness::{allocations, peak_held};

/// The allocations of a request with this body, without those for the body.
macro_rules! of {
    ($layer:expr, $body:expr) => {{
        let handler = tower::service_fn(|_: http::Request<wythe::Body>| {
            std::future::ready(Ok::<_, Infallible>(http::Response::new(
                wythe::Body::empty(),
            )))
        });
        let mut service = $layer.layer(handler);
        // A server has put something there.
        let request = http::Request::post("/")
            .extension(7_u8)
            .body($body)
            .unwrap();
        let before = allocations();
        let response = service.call(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        allocations() - before
    }};
}

#[tokio::test]
async fn where_nothing_is_to_be_enforced_nothing_is_allocated() {
    let limit = BodyLimit::bytes(100).idle(Duration::from_secs(5)).unwrap();
    let (empty, memory) = (wythe::Body::empty, || wythe::Body::from("in memory"));
    assert_eq!(of!(with_body_limit(limit.clone()), empty()), 0);
    assert_eq!(of!(with_lingering_close(LingeringClose::new()), empty()), 0);
    assert_eq!(of!(with_decompression(Decompression::gzip()), empty()), 0);
    assert_eq!(of!(with_decompression(Decompression::gzip()), memory()), 0);
    // Only the extension that switches off the limit of axum.
    assert_eq!(of!(with_body_limit(limit), memory()), 1);
}

async fn count(request: Request) -> Response {
    let mut body = request.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => length += frame.data_ref().map_or(0, Bytes::len),
            Err(_) => return Response::new(Body::from("failed")),
        }
    }
    Response::new(Body::from(length.to_string()))
}

/// The most memory that a body takes while it is decompressed, and the status.
async fn decompressed(app: &Router, compressed: &Bytes) -> (usize, StatusCode) {
    let whole = compressed.clone();
    let frames = (0..compressed.len()).step_by(8_192).map(move |start| {
        let end = (start + 8_192).min(whole.len());
        Ok::<_, Infallible>(whole.slice(start..end))
    });
    let request = http::Request::post("/").header("content-encoding", "gzip");
    let request = request.body(Body::from_stream(stream::iter(frames)));
    let request = request.unwrap();
    let before = wythe_bench_harness::held();
    let _ = peak_held();
    let response = app.clone().oneshot(request).await.unwrap();
    (peak_held().saturating_sub(before), response.status())
}

#[tokio::test]
async fn a_bomb_takes_no_more_memory_than_any_other_body() {
    let gzip = |megabytes: usize| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..megabytes {
            encoder.write_all(&vec![0; 1_000_000]).unwrap();
        }
        Bytes::from(encoder.finish().unwrap())
    };
    let policy = Decompression::gzip().max_bytes(200_000_000);
    let lenient = policy.clone().max_ratio(10_000, 0).unwrap();
    let app = |policy| {
        let stack = compose(with_decompression(policy));
        Router::new().route("/", post(stack.handler(count)))
    };
    let bomb = gzip(200);
    let (passing, status) = decompressed(&app(lenient.clone()), &bomb).await;
    assert_eq!(status, StatusCode::OK);
    let (by_bytes, status) = decompressed(&app(lenient.max_bytes(100_000_000)), &bomb).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (by_ratio, status) = decompressed(&app(policy), &bomb).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    println!("{} bytes: {passing} {by_bytes} {by_ratio}", bomb.len());
    for peak in [passing, by_bytes, by_ratio] {
        assert!(peak < 100_000, "{peak} bytes");
    }
}

/// The most memory that it takes to reject a body, and the status.
async fn rejected(body: String) -> (usize, StatusCode) {
    #[derive(serde::Deserialize, garde::Validate)]
    struct Tree {
        #[serde(default)]
        #[garde(dive)]
        children: Vec<Self>,
        #[serde(default)]
        #[garde(range(min = 1))]
        size: u8,
    }

    let stack = compose((wythe::with_validation::<wythe::Json<Tree>>(),));
    let app = Router::new().route(
        "/",
        post(stack.handler(async |_: wythe::Valid<wythe::Json<Tree>>| ())),
    );
    let request = http::Request::post("/").header("content-type", "application/json");
    let request = request.body(Body::from(body)).unwrap();
    let before = wythe_bench_harness::held();
    let _ = peak_held();
    let response = app.oneshot(request).await.unwrap();
    (peak_held().saturating_sub(before), response.status())
}

/// Validation documents these figures.
#[tokio::test]
async fn an_invalid_body_is_rejected_in_bounded_memory() {
    let children = |count: usize| format!(r#"{{"children":[{}]}}"#, vec!["{}"; count].join(","));
    let (peak, status) = rejected(children(49_000)).await;
    println!("49,000 errors: {peak} bytes");
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(peak < 20_000_000, "{peak} bytes");
    let (peak, status) = rejected(children(349_000)).await;
    println!("too many values: {peak} bytes");
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(peak < 10_000, "{peak} bytes");
}
