//! Stops a server without losing requests: first readiness ends, then connections, then background
//! work.
//!
//! A [`Drain`] is a handle that the server, the layer and the readiness check share. It has three phases:
//!
//! | phase | [`is_ready`](Drain::is_ready) | requests |
//! |---|---|---|
//! | serving | yes | pass |
//! | [leaving](Drain::leave) | no | pass; over HTTP/1.1 the response has `Connection: close` |
//! | [refusing](Drain::refuse) | no | 503 with `Retry-After`, and `Connection: close` over HTTP/1.1 |
//!
//! 1. On `SIGTERM`, the server calls [`Drain::leave`]. The readiness check fails, and load balancers
//!    stop sending requests. This takes them some seconds, during which every request is served.
//!    Clients that keep a connection open close it after their next response. The server sends GOAWAY
//!    to HTTP/2 connections.
//! 2. After a delay, it calls [`Drain::refuse`], stops accepting connections, and closes idle ones.
//!    Responses in progress get a limited time.
//! 3. Work that continues after the answer ([`Background`](crate::Background), the tasks of
//!    [`with_idempotency`](crate::Idempotency)) gets a limited time.
//!
//! `examples/api/src/serve.rs` implements all of this with hyper-util.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::Request;
//! use tower::ServiceExt;
//! use wythe::{Drain, compose, with_drain};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let drain = Drain::new();
//! let app: Router = Router::new()
//!     .route("/", get(async || "hello"))
//!     .layer(compose((with_drain(drain.clone()),)));
//! let ask = || app.clone().oneshot(Request::get("/").body(Body::empty()).unwrap());
//!
//! drain.leave();
//! let response = ask().await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.headers()["connection"], "close");
//!
//! drain.refuse();
//! assert_eq!(ask().await?.status(), 503);
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | problem type | fields |
//! |---|---|---|---|
//! | 503 | the server is stopping | `about:blank` | `Retry-After`, `Connection` over HTTP/1.1 |
//! | the handler's | otherwise | | `Connection` over HTTP/1.1, while the server leaves |
//!
//! # Work after the answer
//!
//! A handler that has answered may leave work behind, such as an e-mail or an update of an index. Give
//! that work to a [`Background`](crate::Background) in the application state. It is counted and
//! limited, and the server waits for it when it stops.
//!
//! On platforms that suspend or stop the process after the answer, such as AWS Lambda or edge
//! runtimes, **this work does not happen**, or happens much later: put it into a queue there.
//!
//! Work that must not be lost does not belong in a `Background` either: a process can crash. Write it
//! to the database in the transaction of the request, and process it from there.
//!
//! # Order
//!
//! Stage [`Admit`](crate::stage::Admit). Put the layer around everything except liveness checks: a
//! process that is draining is alive.
//!
//! # Security
//!
//! The layer reads nothing from the request except its HTTP version.
//!
//! # Compared with
//!
//! `axum::serve(..).with_graceful_shutdown(..)` stops accepting immediately: connections that a load
//! balancer opens before it has noticed the shutdown fail. It also waits for responses without a
//! limit.

pub(crate) mod background;
pub(crate) mod policy;

#[cfg(doc)]
use self::policy::Drain;
pub use self::{background::BackgroundFull, policy::Phase};
