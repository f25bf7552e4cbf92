//! However the body is read, the client gets the answer of the layer.

use axum::{Form, Router, body::Body, extract::Request, response::IntoResponse, routing::post};
use bytes::Bytes;
use http::{StatusCode, header};
use tower::ServiceExt;
use wythe::{
    BodyLimit, Json, Problem, Valid, body_limit::BodyLimitError, compose, with_body_limit,
    with_validation,
};

use super::chunks;
use crate::common;

#[derive(serde::Deserialize, garde::Validate)]
struct Text {
    #[garde(skip)]
    #[expect(dead_code, reason = "it is only read")]
    text: String,
}

/// Whether the error, or one of its causes, is that of the limit.
fn is_of_the_limit(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(limit) = error.downcast_ref::<BodyLimitError>() {
            return limit.is_too_large() && !limit.is_too_slow();
        }
        cause = error.source();
    }
    false
}

async fn stream(request: Request) -> Result<String, StatusCode> {
    match axum::body::to_bytes(request.into_body(), usize::MAX).await {
        Ok(body) => Ok(body.len().to_string()),
        Err(error) => {
            assert!(is_of_the_limit(&error), "{error:?}");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

async fn own_problem(request: Request) -> impl IntoResponse {
    match axum::body::to_bytes(request.into_body(), usize::MAX).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(error) => Problem::new(StatusCode::BAD_REQUEST)
            .because(error)
            .into_response()
            .map(Body::from),
    }
}

#[tokio::test]
async fn each_reader_is_bounded() {
    let limit = || with_body_limit(BodyLimit::bytes(100));
    let plain = compose(limit());
    let valid = compose((limit(), with_validation::<Json<Text>>()));
    let app: Router = Router::new()
        .route("/bytes", post(plain.handler(async |_: Bytes| ())))
        .route("/string", post(plain.handler(async |_: String| ())))
        .route("/json", post(plain.handler(async |_: axum::Json<Text>| ())))
        .route("/form", post(plain.handler(async |_: Form<Text>| ())))
        .route(
            "/result",
            post(plain.handler(async |body: Result<Bytes, _>| {
                drop::<Result<Bytes, axum::extract::rejection::BytesRejection>>(body);
            })),
        )
        .route("/stream", post(plain.handler(stream)))
        .route("/problem", post(plain.handler(own_problem)))
        .route(
            "/valid",
            post(valid.handler(async |_: Valid<Json<Text>>| ())),
        );
    let paths = [
        "/bytes", "/string", "/json", "/form", "/result", "/stream", "/problem", "/valid",
    ];
    for path in paths {
        // In memory, and with a length that is not announced.
        for body in [Body::from(vec![b'x'; 101]), chunks(&[50, 50, 1])] {
            let media_type = match path {
                "/form" => "application/x-www-form-urlencoded",
                _ => "application/json",
            };
            let request = http::Request::post(path).header(header::CONTENT_TYPE, media_type);
            let request = request.body(body).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            let response = common::read(response).await;
            let problem = common::problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(problem["max_body_bytes"], 100, "{path}");
            assert_eq!(response.headers()["connection"], "close", "{path}");
        }
    }
}

#[tokio::test]
async fn the_smaller_limit_of_a_validation_wins() {
    let stack = compose((
        with_body_limit(BodyLimit::bytes(100)),
        with_validation::<Json<Text>>().max_body_bytes(50),
    ));
    let handler = stack.handler(async |_: Valid<Json<Text>>| ());
    let app: Router = Router::new().route("/", post(handler));
    let request = http::Request::post("/").header(header::CONTENT_TYPE, "application/json");
    let request = request.body(chunks(&[40, 40])).unwrap();
    let response = common::read(app.oneshot(request).await.unwrap()).await;
    let problem = common::problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(problem["max_body_bytes"], 50);
}

#[tokio::test]
async fn the_limit_of_axum_does_not_apply_inside() {
    const MB: usize = 1_000_000;
    let limit = |bytes| compose(with_body_limit(BodyLimit::bytes(bytes)));
    let handler = async |body: Bytes| body.len().to_string();
    let app: Router = Router::new()
        .route("/four", post(limit(4 * MB).handler(handler)))
        .route("/one", post(limit(MB).handler(handler)))
        .route(
            "/outside",
            post(limit(4 * MB).handler(handler)).layer(axum::extract::DefaultBodyLimit::max(10)),
        )
        .route("/none", post(handler));
    for (path, bytes, status) in [
        ("/four", 3 * MB, 200),
        ("/four", 4 * MB + 1, 413),
        ("/one", MB, 200),
        ("/one", MB + 1, 413),
        ("/outside", 3 * MB, 200),
        ("/none", 3 * MB, 413),
    ] {
        for body in [
            Body::from(vec![b'x'; bytes]),
            chunks(&[bytes / 2, bytes - bytes / 2]),
        ] {
            let request = http::Request::post(path).body(body).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{path} {bytes}");
        }
    }
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn a_breach_is_one_event_of_the_layer() {
    use common::log::Log;

    let stack = compose(with_body_limit(BodyLimit::bytes(10)));
    let app: Router = Router::new().route("/", post(stack.handler(async |_: Bytes| ())));
    let (log, _guard) = Log::listen();
    let request = http::Request::post("/").body(chunks(&[10, 1])).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 413);
    let log = log.take();
    assert_eq!(log.matches("with_body_limit").count(), 1, "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
}
