//! Layers of tower-http in a stack.

use std::{convert::Infallible, future::pending, time::Duration};

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use tower::ServiceExt;
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::CorsLayer,
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    sensitive_headers::{
        SetSensitiveHeadersLayer, SetSensitiveRequestHeadersLayer, SetSensitiveResponseHeadersLayer,
    },
    timeout::TimeoutLayer,
    trace::TraceLayer,
};
use wythe::{Later, Middleware, Place, Problem, Step, compose, stage, with};

use crate::common;

/// Rejects `/refused` wherever it is placed, for which the response body must be buildable from
/// bytes.
#[derive(Clone)]
struct Gate;

impl Place for Gate {
    type Stage = stage::Any;
    type Provides = ();
    type Needs = ();
}

impl<B> Middleware<B> for Gate {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        if request.uri() == "/refused" {
            return Step::reply(Problem::new(StatusCode::FORBIDDEN));
        }
        Step::next(request, ())
    }
}

fn routes() -> Router {
    Router::new()
        .route("/ok", get(async || "ok"))
        .route("/never", get(async || pending::<()>().await))
        .route("/echo", post(async |body: Bytes| body))
        .route("/text", get(async || "lorem ipsum ".repeat(100)))
}

#[tokio::test(start_paused = true)]
async fn layers_that_change_the_body_can_be_wrapped_by_others() {
    let id = http::HeaderName::from_static("x-request-id");
    let stack = compose((
        with(Gate),
        SetRequestIdLayer::new(id.clone(), MakeRequestUuid),
        TraceLayer::new_for_http(),
        PropagateRequestIdLayer::new(id),
        SetSensitiveHeadersLayer::new([http::header::COOKIE]),
        with(Gate),
        CorsLayer::permissive(),
        CatchPanicLayer::new(),
        with(Gate),
        TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(9)),
        RequestBodyLimitLayer::new(4),
        with(Gate),
    ));
    let app = routes().layer(stack);
    let cases = [
        (Method::GET, "/ok", "", StatusCode::OK),
        (Method::GET, "/refused", "", StatusCode::FORBIDDEN),
        (Method::GET, "/never", "", StatusCode::GATEWAY_TIMEOUT),
        (Method::POST, "/echo", "four", StatusCode::OK),
        (
            Method::POST,
            "/echo",
            "fives",
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ];
    for (method, uri, body, status) in cases {
        let request = Request::builder().method(method).uri(uri);
        let request = request.header("content-length", body.len());
        let request = request.body(Body::from(body)).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{uri} {body}");
        if uri != "/refused" {
            assert!(response.headers().contains_key("x-request-id"), "{uri}");
            assert_eq!(
                response.headers()["access-control-allow-origin"],
                "*",
                "{uri}"
            );
        }
    }
}

#[test]
fn each_layer_has_its_stage() {
    let fields = || [http::header::COOKIE];
    let id = http::HeaderName::from_static("x-request-id");
    let stack = compose((
        TraceLayer::new_for_http(),
        SetRequestIdLayer::new(id.clone(), MakeRequestUuid),
        PropagateRequestIdLayer::new(id),
        SetSensitiveHeadersLayer::new(fields()),
        SetSensitiveRequestHeadersLayer::new(fields()),
        SetSensitiveResponseHeadersLayer::new(fields()),
        CorsLayer::new(),
        CatchPanicLayer::new(),
        TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(9)),
        RequestBodyLimitLayer::new(4),
    ));
    let rows: Vec<_> = stack
        .describe()
        .into_iter()
        .map(|(stage, layer)| {
            let statuses = layer
                .answers()
                .iter()
                .map(|answer| answer.status().as_u16());
            (stage, layer.name().to_owned(), statuses.collect::<Vec<_>>())
        })
        .collect();
    let expected = [
        ("Observe", "TraceLayer", vec![]),
        ("Observe", "SetRequestIdLayer", vec![]),
        ("Observe", "PropagateRequestIdLayer", vec![]),
        ("Observe", "SetSensitiveHeadersLayer", vec![]),
        ("Observe", "SetSensitiveRequestHeadersLayer", vec![]),
        ("Observe", "SetSensitiveResponseHeadersLayer", vec![]),
        ("Cors", "CorsLayer", vec![200]),
        ("Present", "CatchPanicLayer", vec![500]),
        ("Admit", "TimeoutLayer", vec![408]),
        ("Body", "RequestBodyLimitLayer", vec![413]),
    ];
    let expected = expected.map(|(stage, name, statuses)| (stage, name.to_owned(), statuses));
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn a_panic_keeps_the_fields_of_the_layers_around_the_guard() {
    let stack = compose((CorsLayer::permissive(), CatchPanicLayer::new()));
    let request = Request::new(Full::default());
    let response = stack
        .service(tower::service_fn(crash))
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
}

async fn crash(_: Request<common::Body>) -> Result<Response<common::Body>, Infallible> {
    panic!("hunter2")
}

#[cfg(feature = "presentation")]
#[tokio::test(start_paused = true)]
async fn responses_of_these_layers_become_problems() {
    let stack = compose((
        wythe::with_presentation(),
        TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(9)),
        RequestBodyLimitLayer::new(4),
    ));
    let app = routes().layer(stack);

    let request = Request::get("/never").body(Body::empty()).unwrap();
    let response = common::read(app.clone().oneshot(request).await.unwrap()).await;
    common::problem(&response, StatusCode::GATEWAY_TIMEOUT);

    let request = Request::post("/echo").header("content-length", "5");
    let response = app
        .oneshot(request.body(Body::from("fives")).unwrap())
        .await;
    let response = common::read(response.unwrap()).await;
    let json = common::problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(json["detail"], "length limit exceeded");
}

#[cfg(feature = "tower-http-compression")]
mod compression {
    use tower_http::{compression::CompressionLayer, decompression::RequestDecompressionLayer};

    use super::*;

    #[tokio::test]
    async fn compresses_inside_a_layer_that_answers() {
        let stack = compose((
            with(Gate),
            CorsLayer::permissive(),
            CompressionLayer::new(),
            with(Gate),
        ));
        let app = routes().layer(stack);
        let ask = |uri: &str| {
            let request = Request::get(uri).header("accept-encoding", "gzip");
            app.clone().oneshot(request.body(Body::empty()).unwrap())
        };
        let response = common::read(ask("/text").await.unwrap()).await;
        assert_eq!(response.headers()["content-encoding"], "gzip");
        assert!(response.body().len() < 200, "{}", response.body().len());

        let response = common::read(ask("/refused").await.unwrap()).await;
        common::problem(&response, StatusCode::FORBIDDEN);
    }

    #[tokio::test]
    async fn decompresses_for_the_handler_and_rejects_other_codings() {
        let app = routes().layer(compose((with(Gate), RequestDecompressionLayer::new())));
        let compressed = common::read(
            routes()
                .layer(compose((CompressionLayer::new(),)))
                .oneshot(
                    Request::get("/text")
                        .header("accept-encoding", "gzip")
                        .body(Body::empty())
                        .unwrap(),
                )
                .await
                .unwrap(),
        )
        .await
        .into_body();
        let cases = [
            ("gzip", StatusCode::OK),
            ("compress", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ];
        for (coding, status) in cases {
            let request = Request::post("/echo").header("content-encoding", coding);
            let request = request.body(Body::from(compressed.clone())).unwrap();
            let response = common::read(app.clone().oneshot(request).await.unwrap()).await;
            assert_eq!(response.status(), status, "{coding}");
            if status.is_success() {
                assert_eq!(response.body(), "lorem ipsum ".repeat(100).as_str());
            }
        }
    }
}

#[cfg(feature = "concurrency-limit")]
#[tokio::test(start_paused = true)]
async fn a_timeout_may_stand_outside_a_concurrency_limit() {
    use wythe::{ConcurrencyLimit, with_concurrency_limit};

    let stack = compose((
        TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(9)),
        with_concurrency_limit(ConcurrencyLimit::of(1).unwrap()),
    ));
    let app = Router::new()
        .route("/ok", get(stack.handler(async || "ok")))
        .route("/never", get(stack.handler(pending::<&'static str>)));
    // The place of the request that timed out is free again.
    for (uri, status) in [
        ("/ok", StatusCode::OK),
        ("/never", StatusCode::GATEWAY_TIMEOUT),
        ("/ok", StatusCode::OK),
    ] {
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{uri}");
    }
}
