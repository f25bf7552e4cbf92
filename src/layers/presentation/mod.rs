//! Gives every refusal one shape, and answers 500 when an inner service panics.
//!
//! 1. A response with a status below 400 passes unchanged, including redirects, 304, upgrades and
//!    streams.
//! 2. A response that carries a [`Problem`] (every refusal of this crate, and those that a handler
//!    returns) is problem+json already and passes. With a renderer, its body and `Content-Type`
//!    are replaced. With `.grpc()`, calls of gRPC get the answer of their protocol.
//! 3. An error without a body and without a `Content-Type` becomes a problem with its status:
//!    axum's 404 and 405, for example.
//! 4. An error of type `text/plain` becomes a problem. The text of a 4xx becomes the `detail` if it
//!    is UTF-8, its length is known, and it has at most 8 KiB: the rejections of axum's extractors,
//!    for example. A longer text, or one of unknown length, is dropped without being read. The text
//!    of a 5xx goes to the log only.
//! 5. An error of any other type passes unchanged: it has the application's own format.
//! 6. A panic of an inner service becomes a 500; its message goes to the log only.
//!
//! The status, unless a renderer [changes it](Rendered), and the other header fields are kept (`Allow`, `Retry-After`, `Vary`,
//! `WWW-Authenticate`), except for those that describe the old body. The response to a `HEAD`
//! request has the fields of the problem, and no body.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use http_body_util::BodyExt;
//! use tower::ServiceExt;
//! use wythe::{compose, with_presentation};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let app: Router = Router::new()
//!     .route("/", get(async || "hello"))
//!     .route("/crash", get(async || -> &'static str { panic!("out of luck") }))
//!     .layer(compose((with_presentation(),)));
//!
//! let ask = |path| app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
//! let response = ask("/").await.unwrap();
//! assert_eq!(response.status(), StatusCode::OK);
//!
//! let response = ask("/nowhere").await.unwrap();
//! assert_eq!(response.status(), StatusCode::NOT_FOUND);
//! assert_eq!(response.headers()["content-type"], "application/problem+json");
//!
//! let response = ask("/crash").await.unwrap();
//! assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! let body = response.into_body().collect().await.unwrap().to_bytes();
//! assert_eq!(body, r#"{"type":"about:blank","title":"Internal Server Error","status":500}"#);
//! # }
//! ```
//!
//! # Example: the shape that an application already has
//!
//! ```
//! use axum::{Router, body::Body};
//! use bytes::Bytes;
//! use http::{HeaderValue, Request};
//! use http_body_util::BodyExt;
//! use serde_json::json;
//! use tower::ServiceExt;
//! use wythe::{compose, with_presentation_as};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let presentation = with_presentation_as(|problem, request| {
//!     let body = json!({
//!         "error": problem.summary(),
//!         // What the client can do, and members such as the `errors` of a 422.
//!         "message": problem.explanation(),
//!         "details": problem.extensions(),
//!         "path": request.uri().path(),
//!     });
//!     (HeaderValue::from_static("application/json"), Bytes::from(body.to_string()))
//! });
//! let app: Router = Router::new().layer(compose((presentation,)));
//!
//! let request = Request::get("/nowhere").body(Body::empty()).unwrap();
//! let response = app.oneshot(request).await.unwrap();
//! assert_eq!(response.headers()["content-type"], "application/json");
//! let body = response.into_body().collect().await.unwrap().to_bytes();
//! let expected = json!({ "error": "Not Found", "message": null, "details": {}, "path": "/nowhere" });
//! assert_eq!(body, expected.to_string());
//! # }
//! ```
//!
//! # Example: pages for browsers
//!
//! A client that prefers HTML to JSON gets a page; all others get problem+json, or what the renderer
//! makes. Browsers do; `*/*` has no preference. `Vary` has `Accept` on all refusals.
//!
//! ```
//! use axum::{Router, body::Body};
//! use http::{Request, header};
//! use http_body_util::BodyExt;
//! use tower::ServiceExt;
//! use wythe::{compose, presentation::HtmlTemplate, with_presentation};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let page = HtmlTemplate::new("<!doctype html><title>{{title}}</title><h1>{{status}} {{title}}</h1>")?;
//! let app: Router = Router::new().layer(compose(with_presentation().html(page)));
//!
//! let request = Request::get("/nowhere").header(header::ACCEPT, "text/html, */*;q=0.8");
//! let response = app.oneshot(request.body(Body::empty())?).await?;
//! assert_eq!(response.status(), 404);
//! assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
//! assert_eq!(response.headers()["vary"], "accept");
//! let body = response.into_body().collect().await?.to_bytes();
//! assert_eq!(body, "<!doctype html><title>Not Found</title><h1>404 Not Found</h1>");
//! # Ok(())
//! # }
//! ```
//!
//! # Example: gRPC
//!
//! A gRPC call, which is a request of type `application/grpc`, gets its refusals in the form that gRPC
//! clients read: `grpc-status`, `grpc-message` with the detail of the problem, and no body
//! ("Trailers-Only"). All other requests are answered as without `.grpc()`, so one server can have
//! both. The layers go around the server of tonic, whose bodies need
//! [`with_body_adapter`](crate::with_body_adapter):
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http::{Request, Response, header::CONTENT_TYPE};
//! use http_body_util::Full;
//! use tower::{ServiceExt, service_fn};
//! use wythe::{Body, Problem, compose, with_body_adapter, with_presentation};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // With tonic: `Server::builder().layer(stack).add_service(..)`.
//! let stack = compose((with_presentation().grpc(), with_body_adapter()));
//! let service = stack.service(service_fn(async |_: Request<Body>| {
//!     let problem = Problem::new(http::StatusCode::FORBIDDEN).detail("Ask an administrator.");
//!     Ok::<_, Infallible>(problem.into_response().map(Full::new))
//! }));
//!
//! let call = Request::post("/grpc.health.v1.Health/Check").header(CONTENT_TYPE, "application/grpc");
//! let response: Response<Body> = service.oneshot(call.body(Body::empty())?).await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.headers()["grpc-status"], "7"); // PERMISSION_DENIED
//! assert_eq!(response.headers()["grpc-message"], "Ask an administrator.");
//! # Ok(())
//! # }
//! ```
//!
//! | gRPC | of the status |
//! |---|---|
//! | 3 `INVALID_ARGUMENT` | 400, 422 |
//! | 4 `DEADLINE_EXCEEDED` | 408, 504, and the 503 of `with_timeout` |
//! | 7 `PERMISSION_DENIED` | 403 |
//! | 8 `RESOURCE_EXHAUSTED` | 413, 429, 431 |
//! | 9 `FAILED_PRECONDITION` | 412, 428 |
//! | 10 `ABORTED` | 409 |
//! | 12 `UNIMPLEMENTED` | 404, 405, 501 |
//! | 13 `INTERNAL` | 500, and panics |
//! | 14 `UNAVAILABLE` | 502, 503 |
//! | 16 `UNAUTHENTICATED` | 401 |
//! | 2 `UNKNOWN` | all others |
//!
//! - The table in gRPC's documentation is for clients that get a response without a `grpc-status`, from a
//!   proxy. It has `UNAVAILABLE` for 429, with which many clients call again at once. Here, a spent
//!   quota is `RESOURCE_EXHAUSTED`.
//! - The other fields are metadata: `RateLimit`, `Retry-After`, `WWW-Authenticate`. A `Retry-After` in
//!   seconds is `grpc-retry-pushback-ms` as well, by which gRPC clients know how long to wait.
//! - The message has at most 1,024 bytes, and is percent-encoded. Members of a problem, such as the
//!   errors of a validation, have no place in it.
//! - Layers further out see the status 200, as for every answer of gRPC, so their counts and lines in the
//!   access log do not show refusals. The event of each refusal, and the counter of refusals, have the
//!   status of HTTP.
//! - With the feature `tonic`, the address of the peer is the one in tonic's `TcpConnectInfo`.
//! - For gRPC-Web, put the layer of tonic-web outside: inside it, the requests are those of gRPC.
//!
//! The repository's `examples/grpc` is such a server.
//!
//! # Responses
//!
//! | status | when | body |
//! |---|---|---|
//! | unchanged, or the renderer's | the response is an error, and is a problem, empty, or plain text | problem, or the renderer's output |
//! | 500 | an inner service panics | the same |
//! | 200, with `grpc-status` | one of these, with `.grpc()` and a call of gRPC | none |
//!
//! # Order
//!
//! Stage [`Present`](crate::stage::Present): outside every layer that can reject a request, so that
//! all refusals have the same shape, and inside CORS, so that a browser can read them. In axum, put
//! it around the whole router, where it sees the router's own 404 and 405.
//!
//! # Panics
//!
//! The layer catches panics in the readiness check, in the call, and in each poll of the response
//! future. It does not catch:
//!
//! - a panic while the response body streams: the status and header fields have been sent by then;
//! - a panic in a task that the handler spawned, unless the handler propagates it;
//! - any panic in a program built with `panic = "abort"`.
//!
//! After a panic the invariants of the inner service may be broken (a lock is poisoned, a count is
//! off). axum, and hyper with `TowerToHyperService`, clone the service for each request, so only
//! state that the clones share can be affected. A server of your own should do the same.
//!
//! # Security
//!
//! The text of a 5xx and the message of a panic never reach the client: both tend to contain paths,
//! queries and names of internal hosts. With the feature `tracing`, they are logged at level `ERROR`
//! with target `wythe`: [one event for each 5xx](crate::guide::logging). Without it, the text of a 5xx
//! is dropped. The program's panic hook sees every panic in either case.
//!
//! The text of a 4xx is shown to the client, as it would be without this layer. Errors of other
//! types are not inspected.
//!
//! # Compared with
//!
//! By default `tower_http::catch_panic` answers panics in plain text. It boxes every response body,
//! does not catch a panic in the readiness check, and does not change other refusals.

mod grpc;
pub(crate) mod layer;
pub(crate) mod page;
mod render;
mod service;

#[cfg(doc)]
use crate::wire::Problem;

pub use self::{
    layer::{Presentation, Rendered, RequestInfo},
    page::HtmlTemplate,
    service::{Presented, PresentedFuture},
};
