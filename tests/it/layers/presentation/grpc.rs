//! Refusals of gRPC calls: the status and the message of gRPC in the fields, and no body.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};
use wythe::{Problem, presentation::HtmlTemplate, with_presentation, with_presentation_as};

use crate::common::{self, Body, empty};

fn call(media_type: &'static str) -> Request<Body> {
    let request = Request::post("/shop.Shop/Buy").header(header::CONTENT_TYPE, media_type);
    request.body(empty()).unwrap()
}

fn problem() -> Response<Body> {
    Problem::new(StatusCode::TOO_MANY_REQUESTS)
        .detail("Wait \u{2013} 100 %.\n")
        .extension("quota", json!(3))
        .header(header::RETRY_AFTER, HeaderValue::from_static("7"))
        .header(
            header::HeaderName::from_static("ratelimit"),
            HeaderValue::from_static("\"default\";r=0;t=7"),
        )
        .into_response()
        .map(Body::from)
}

#[tokio::test]
async fn a_call_gets_trailers_only() {
    let page = HtmlTemplate::new("{{title}}").unwrap();
    let renderer =
        |_: &Problem, _: &_| (HeaderValue::from_static("text/plain"), Bytes::from("own"));
    for presentation in [
        with_presentation().grpc(),
        with_presentation().html(page).grpc(),
        with_presentation_as(renderer).grpc(),
    ] {
        let service = presentation.layer(service_fn(async |_| Ok::<_, Infallible>(problem())));
        let answer = service
            .clone()
            .oneshot(call("application/grpc+proto"))
            .await;
        let answer = answer.unwrap();
        assert!(http_body::Body::is_end_stream(answer.body()));
        let answer = common::read(answer).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let fields = answer.headers();
        assert_eq!(fields["content-type"], "application/grpc");
        assert_eq!(fields["grpc-status"], "8");
        assert_eq!(fields["grpc-message"], "Wait %E2%80%93 100 %25.%0A");
        assert_eq!(fields["grpc-retry-pushback-ms"], "7000");
        assert_eq!(fields["ratelimit"], "\"default\";r=0;t=7");
        assert_eq!(fields["retry-after"], "7");
        assert!(!fields.contains_key("content-length"));
        assert!(answer.extensions().get::<Problem>().is_some());

        for media_type in ["application/json", "application/grpc-web+proto"] {
            let answer = service.clone().oneshot(call(media_type)).await.unwrap();
            assert_eq!(
                answer.status(),
                StatusCode::TOO_MANY_REQUESTS,
                "{media_type}"
            );
            assert!(!answer.headers().contains_key("grpc-status"));
        }
    }
}

#[tokio::test]
async fn only_a_presentation_that_was_asked_to_answers_so() {
    let service = with_presentation().layer(service_fn(async |_| Ok::<_, Infallible>(problem())));
    let answer = service.oneshot(call("application/grpc")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn every_refusal_has_a_status_of_grpc() {
    let plain = |status: StatusCode, text: &'static str| {
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        if !text.is_empty() {
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, plain);
        }
        response
    };
    let cases: [(
        fn(fn(StatusCode, &'static str) -> Response<Body>) -> Response<Body>,
        _,
        _,
    ); 5] = [
        (|plain| plain(StatusCode::NOT_FOUND, ""), "12", "Not Found"),
        (
            |plain| plain(StatusCode::BAD_REQUEST, "no such size"),
            "3",
            "no such size",
        ),
        (
            |plain| plain(StatusCode::INTERNAL_SERVER_ERROR, "at /srv/app.rs"),
            "13",
            "Internal Server Error",
        ),
        (|_| panic!("out of luck"), "13", "Internal Server Error"),
        (
            |_| {
                Problem::internal("postgres://app:hunter2@db")
                    .into_response()
                    .map(Body::from)
            },
            "13",
            "Internal Server Error",
        ),
    ];
    for (inner, status, message) in cases {
        let handler = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(inner(plain)));
        let service = with_presentation().grpc().layer(handler);
        let answer = service.oneshot(call("application/grpc")).await.unwrap();
        let answer = common::read(answer).await;
        assert_eq!(answer.status(), StatusCode::OK, "{message}");
        assert_eq!(answer.headers()["grpc-status"], status, "{message}");
        assert_eq!(answer.headers()["grpc-message"], message);
        assert!(answer.body().is_empty(), "{message}");
    }
}

#[tokio::test]
async fn answers_of_the_service_pass() {
    let handler = service_fn(async |_: Request<Body>| {
        let answer = Response::builder().header("grpc-status", "5");
        Ok::<_, Infallible>(answer.body(Body::from("kept")).unwrap())
    });
    let service = with_presentation().grpc().layer(handler);
    let answer = service.oneshot(call("application/grpc")).await.unwrap();
    let answer = common::read(answer).await;
    assert_eq!(answer.headers()["grpc-status"], "5");
    assert_eq!(answer.body(), "kept");
}
