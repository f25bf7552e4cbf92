//! Opens a `tracing` span for each request, writes an access log, and propagates traces.
//!
//! 1. Each request has one span. Everything that it does is in the span: layers, handler, and the response
//!    body, on every poll and when it is dropped. So are its events: refusals, server errors, and your own.
//! 2. When the response has ended, one event is the line of the access log.
//! 3. Each request is a part of a trace ([W3C Trace Context], level 1). By default, it starts a new one;
//!    [`Trace::continue_from`] says whose traces are continued.
//! 4. Handlers take the trace as an argument: [`TraceContext`].
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use wythe::{Problem, Trace, TraceContext, compose, with_trace};
//!
//! async fn order(context: TraceContext) -> Result<String, Problem> {
//!     tracing::info!("looking for the order"); // in the span of the request
//!     let mut call = Request::get("http://orders.internal/7").body(()).unwrap();
//!     context.child().write_to(call.headers_mut());
//!     assert!(call.headers().contains_key("traceparent"));
//!     Err(Problem::new(StatusCode::NOT_FOUND))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let stack = compose((with_trace(Trace::new()),));
//! let app: Router = Router::new().route("/orders/{id}", get(stack.handler(order)));
//! let request = Request::get("/orders/7").body(Body::empty()).unwrap();
//! assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::NOT_FOUND);
//! # }
//! ```
//!
//! # The span
//!
//! It is `request`, with the target `http_server` and the level `INFO`. Its fields have the names of the
//! [semantic conventions] of OpenTelemetry for HTTP servers. All of them are declared when the span is
//! opened; those that are not known are empty.
//!
//! | field | |
//! |---|---|
//! | `otel.name`, `otel.kind`, `otel.status_code` | for `tracing-opentelemetry`: `{method} {route}`, `server`, and `ERROR` after a 5xx or a failure |
//! | `request_id` | the id that [`with_request_id`](crate::with_request_id) gives, outside or inside of this layer |
//! | `trace_id`, `span_id`, `parent_span_id` | the trace; the last only if it is continued |
//! | `caller_trace_id` | the trace that the caller has sent, if it is not continued |
//! | `http.request.method` | one of nine, or `_OTHER` with the name in `http.request.method_original` |
//! | `http.route` | the route as it is written: `/users/{id}`; see below |
//! | `http.response.status_code` | |
//! | `error.type` | after a 5xx, the [`reason`](crate::Problem::reason) of its problem, or its status; otherwise what has failed, as in the access log |
//! | `url.scheme`, `url.path`, `url.query` | see [`Trace::scheme`], [`Trace::without_path`] and [`Trace::query`] |
//! | `server.address`, `server.port` | of `Host` or `:authority` |
//! | `client.address` | the [`ClientIp`](crate::ClientIp), as soon as [`with_client_ip`](crate::with_client_ip) has found it; otherwise the peer |
//! | `network.peer.address` | the peer |
//! | `network.protocol.version` | `1.0`, `1.1`, `2`, `3` |
//! | `user_agent.original` | |
//!
//! The route is known where the layer stands in `Api::around`, in `Router::layer` or around a handler. Around
//! an [`ApiService`](crate::api::ApiService) it is recorded when the service has found it. Around a router of
//! axum, outside of `Router::layer`, and for paths without a route, it is not known.
//!
//! # The access log
//!
//! One event with the target `http_server` for each request, in its span:
//!
//! | message | level | when | `error.type` |
//! |---|---|---|---|
//! | `answered` | `INFO` | the response was handed to the server to its end | of a 5xx |
//! | `client disconnected` | `INFO` | the request was dropped before that | `client_disconnected` |
//! | `failed` | `ERROR` | the response body has failed, the service has (in a server without axum), or a panic was not caught | `response_body`, `service_error`, `panic` |
//!
//! The fields are `http.response.status_code`, `http.response.body.size` (the bytes of the body that the server
//! has taken), `duration_ms` (from the request's head to the end of the response, with microseconds) and
//! `error.type`. A stream has its line when it ends, which may be hours later. A request whose future is
//! dropped by a timeout further out counts as disconnected as well.
//!
//! A 5xx is `answered`, at `INFO`: the one event at `ERROR` is that of
//! [the layer or handler that answers so](crate::guide::logging).
//!
//! # Responses
//!
//! The layer rejects nothing, and sets no field.
//!
//! # Order
//!
//! Stage [`Observe`](crate::stage::Observe), around everything: `Api::around`, or `Router::layer`.
//!
//! # Security
//!
//! - Apart from `User-Agent` and the host, no header field is recorded; nor is a body, a credential or,
//!   by default, a query. **Paths are recorded**: where they contain secrets, use
//!   [`Trace::without_path`].
//! - What a client has sent is escaped, and cut: paths and queries after 1024 bytes, names after 256. Names of
//!   spans, and methods, have few values, whatever clients send.
//! - A client that may choose the id of a trace can mix its requests with those of others, and with the sampled
//!   flag it can decide how much is recorded. So a public server starts a new trace, as the W3C recommends
//!   (section 5.2), and `caller_trace_id` links it to the caller's. List only your own gateways and services in
//!   [`Trace::continue_from`].
//! - At most 512 characters of `tracestate` are propagated, and only in a trace that is continued. An
//!   invalid `traceparent`, or several, count as none.
//!
//! # With an exporter
//!
//! `tracing-opentelemetry` exports the spans. [`Trace::exported_by`] tells it which parts are continued, and
//! tells the log which ids it has given them: see `examples/otlp`. Use the exporter's propagator for requests to
//! other services where their calls have spans of their own.
//!
//! # Cost
//!
//! Without a subscriber, or with a filter that does not want `http_server=info`, nothing is computed but the
//! [`TraceContext`]: its random bits come from a buffer, and its place in the extensions is two allocations. A span
//! costs another two, and what the subscriber does with it.
//!
//! # Compared with
//!
//! `tower_http::trace` has names of its own, records no route, does not enter the span when a request is dropped,
//! and writes no line for a request whose client disconnects. `axum-tracing-opentelemetry` continues the trace of
//! every client.
//!
//! [W3C Trace Context]: https://www.w3.org/TR/trace-context-1/
//! [semantic conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/

mod access;
pub(crate) mod policy;
mod service;
mod span;

#[cfg(doc)]
use self::policy::Trace;
pub use self::service::{Traced, TracedBody, TracedFuture};
#[cfg(doc)]
use crate::request::TraceContext;
#[doc(inline)]
pub use crate::wire::field::trace_context::{SpanId, TraceId, TraceParent};
