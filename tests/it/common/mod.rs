//! Shared by the tests: a handler to put behind a layer, and a way to send it a request.
#![allow(
    clippy::allow_attributes,
    unreachable_pub,
    reason = "shared by several test programs"
)]
#![allow(
    dead_code,
    reason = "what is used depends on the features, and on the program"
)]

#[cfg(feature = "cors")]
pub mod cors;
#[cfg(feature = "rate-limit")]
pub mod limits;
#[cfg(feature = "tracing")]
pub mod log;
#[cfg(any(
    feature = "idempotency-redis",
    feature = "rate-limit-redis",
    feature = "session-redis",
    feature = "webhook-redis"
))]
pub mod redis;
pub mod scripted;
#[cfg(feature = "session")]
pub mod sessions;
#[cfg(feature = "tracing")]
pub mod spans;
pub mod tenancy;
#[cfg(any(feature = "jwks", feature = "proxy"))]
pub mod tls;

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Layer, Service, ServiceExt, service_fn};
use wythe::{Later, Middleware, Place, Problem, Step, stage};

/// The body of requests and responses in tests without axum.
pub type Body = Full<Bytes>;

/// Never ends, and uses up tokio's cooperative budget whenever it is polled, as a loop that does only
/// small pieces of work does.
pub async fn busy() {
    loop {
        tokio::task::consume_budget().await;
    }
}

/// A user's own middleware, which answers every request with this problem.
#[derive(Clone)]
pub struct Closed(pub Problem);

impl Place for Closed {
    type Stage = stage::Admit;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        "with_opening_hours"
    }
}

impl<B> Middleware<B> for Closed {
    type Carry = ();

    fn before(&self, _: Request<B>) -> Later<Step<B, ()>> {
        Step::reply(self.0.clone())
    }
}

/// Sends one request through a layer to a handler that answers 200 `ok`.
pub async fn send<L>(layer: &L, request: Request<Body>) -> Response<Bytes>
where
    L: Layer<Ok200>,
    L::Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    read(layer.layer(Ok200).oneshot(request).await.unwrap()).await
}

/// Sends one request through a layer to the given handler.
pub async fn send_to<L, F, A>(layer: &L, request: Request<Body>, handler: F) -> Response<Bytes>
where
    F: FnMut(Request<Body>) -> A + Clone,
    A: Future<Output = Result<Response<Body>, Infallible>>,
    L: Layer<tower::util::ServiceFn<F>>,
    L::Service: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    read(
        layer
            .layer(service_fn(handler))
            .oneshot(request)
            .await
            .unwrap(),
    )
    .await
}

/// The response with its whole body.
pub async fn read<R>(response: Response<R>) -> Response<Bytes>
where
    R: http_body::Body<Error: std::fmt::Debug>,
{
    let (head, body) = response.into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

/// A request without a body.
pub fn get(uri: &str) -> http::request::Builder {
    Request::get(uri)
}

/// An empty body.
pub fn empty() -> Body {
    Full::default()
}

/// Checks that a response is a well-formed problem (RFC 9457) of this status, and returns its JSON.
#[track_caller]
pub fn problem(response: &Response<Bytes>, status: StatusCode) -> Value {
    let body = String::from_utf8_lossy(response.body()).into_owned();
    assert_eq!(response.status(), status, "{body}");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let json: Value = serde_json::from_slice(response.body()).expect("a problem is JSON");
    assert_eq!(json["status"], status.as_u16());
    assert!(
        json["title"].is_string() && json["type"].is_string(),
        "{json}"
    );
    json
}

/// Answers every request with 200 `ok`.
#[derive(Clone, Copy, Debug)]
pub struct Ok200;

impl Service<Request<Body>> for Ok200 {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(Ok(Response::new(Full::from("ok"))))
    }
}
