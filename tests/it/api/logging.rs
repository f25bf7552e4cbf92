//! What an `Api` answers itself is logged as any refusal is: one event for each. An error of a handler
//! is one event too, whatever stands around it.

use std::convert::Infallible;

use axum::{Router, body::Body, extract::Path as AxumPath, response::Response, routing::get};
use http::{Request, StatusCode};
use tower::Service;
use wythe::{
    Api, FinishedApi, Path, Problem, api::TrailingSlash, compose, with, with_auth,
    with_presentation,
};

use super::{Badge, Through, call};
use crate::common::log::Log;

async fn corrupt() -> Problem {
    Problem::internal("the index is corrupt")
}

async fn bad_gateway() -> StatusCode {
    StatusCode::BAD_GATEWAY
}

const CORRUPT: &str =
    "ERROR message=refused layer=\"handler\" status=500 cause=the index is corrupt\n";
const BAD_GATEWAY: &str = "ERROR message=server error layer=\"handler\" status=502\n";
const NOT_FOUND: &str = "DEBUG message=refused layer=\"Api\" status=404 \
                         detail=\"There is nothing at this path.\"\n";

/// A request, and all that is logged.
const EVENTS: [(&str, &str); 20] = [
    ("GET /corrupt", CORRUPT),
    ("HEAD /corrupt", CORRUPT),
    ("GET /gateway", BAD_GATEWAY),
    ("GET /axum/7", BAD_GATEWAY),
    ("GET /service", BAD_GATEWAY),
    ("GET /service/7", BAD_GATEWAY),
    ("GET /router/corrupt", CORRUPT),
    ("GET /router/gateway", BAD_GATEWAY),
    ("GET /router/nothing", ""),
    (
        "GET /typed/x",
        "DEBUG message=refused layer=\"handler\" status=400 reason=\"invalid_path_parameter\" \
         detail=\"The path parameter `id` is invalid: invalid digit found in string.\"\n",
    ),
    (
        "GET /typed/%ff",
        "DEBUG message=refused layer=\"handler\" status=400 reason=\"malformed_path\" \
         detail=\"A parameter of the path is not valid UTF-8.\"\n",
    ),
    (
        "GET /me",
        "DEBUG message=refused layer=\"with_auth\" status=401 reason=\"no_credentials\" \
         detail=\"Authentication is required.\"\n",
    ),
    ("GET /me badge:ann", ""),
    (
        "PUT /me",
        "DEBUG message=refused layer=\"Api\" status=405 reason=\"method\" detail=\"This resource does \
         not support the request method; see the `Allow` field.\"\n",
    ),
    (
        "BREW /me",
        "DEBUG message=refused layer=\"Api\" status=501 reason=\"unknown_method\" detail=\"The request \
         method is not known. Methods are case-sensitive.\"\n",
    ),
    ("OPTIONS /me", ""),
    ("GET /me/", ""),
    ("GET /nothing", NOT_FOUND),
    ("HEAD /nothing", NOT_FOUND),
    ("OPTIONS *", ""),
];

/// Adds the routes of these requests to an `Api`.
macro_rules! with_routes {
    ($api:expr) => {{
        let stack = compose(());
        let foreign = Router::new()
            .route("/gateway", get(bad_gateway))
            .route("/corrupt", get(corrupt));
        $api.trailing_slash(TrailingSlash::Redirect)
            .get("/corrupt", stack.handler(corrupt))
            .get("/gateway", stack.handler(bad_gateway))
            .get(
                "/axum/{id}",
                stack.handler(async |_: AxumPath<u8>| bad_gateway().await),
            )
            .get("/typed/{id}", stack.handler(async |_: Path<u8>| ()))
            .get("/me", compose(with_auth(Badge)).handler(async || "me"))
            .public("a test", |open| {
                open.service("/service", get(bad_gateway).with_state(()))
                    .service("/service/{id}", get(bad_gateway).with_state(()))
                    .router("/router", foreign)
            })
            .not_found()
            .finish()
    }};
}

fn bare() -> FinishedApi<()> {
    with_routes!(Api::<()>::new("Bare", "1.0.0"))
}

fn layered() -> FinishedApi<()> {
    with_routes!(
        Api::<()>::new("Layered", "1.0.0")
            .around(compose((with_presentation(), with(Through("around")))))
            .guard(compose(with(Through("guard"))))
    )
}

async fn logs<T>(service: T, name: &str, prefix: &str, cases: &[(&str, &str)])
where
    T: Service<Request<Body>, Response = Response, Error = Infallible> + Clone,
{
    let (log, _guard) = Log::listen();
    for (line, expected) in cases {
        let line = line.replacen(" /", &format!(" {prefix}/"), 1);
        call(&service, &line).await;
        assert_eq!(log.take(), *expected, "{name}: {line}");
    }
}

#[tokio::test]
async fn each_refusal_and_each_error_is_one_event() {
    logs(bare().service(()).unwrap(), "bare service", "", &EVENTS).await;
    logs(bare().router(()).unwrap(), "bare router", "", &EVENTS).await;
    logs(
        layered().service(()).unwrap(),
        "layered service",
        "",
        &EVENTS,
    )
    .await;
    logs(layered().router(()).unwrap(), "layered router", "", &EVENTS).await;
    // Redirects and the answers for unknown paths are those of the outermost `Api`.
    let nested = || with_routes!(Api::<()>::new("Outer", "1.0.0").nest("/inner", layered()));
    logs(
        nested().service(()).unwrap(),
        "nested service",
        "/inner",
        &EVENTS,
    )
    .await;
    logs(
        nested().router(()).unwrap(),
        "nested router",
        "/inner",
        &EVENTS,
    )
    .await;
    let app = Router::new().nest("/v1", layered().router(()).unwrap());
    logs(app, "router in a router", "/v1", &EVENTS[..19]).await;
}
