//! Stops a server without losing requests: readiness goes first, then connections, then work.
//!
//! A [`Drain`] is a handle that the server, the layer and the readiness check share. It has three phases:
//!
//! | phase | [`is_ready`](Drain::is_ready) | requests |
//! |---|---|---|
//! | serving | yes | pass |
//! | [leaving](Drain::leave) | no | pass; over HTTP/1.1 the response has `Connection: close` |
//! | [refusing](Drain::refuse) | no | 503 with `Retry-After`, and `Connection: close` over HTTP/1.1 |
//!
//! 1. On `SIGTERM`, the server calls [`Drain::leave`]. The readiness check fails, and load balancers stop sending
//!    requests. They need some seconds for it, in which everything is served. Clients that keep a connection
//!    open leave it after their next response. The server sends GOAWAY to HTTP/2 connections.
//! 2. After a delay, it calls [`Drain::refuse`], stops accepting, and closes idle connections. Responses in progress
//!    get a limited time.
//! 3. Work after the answer ([`Background`](crate::Background), the tasks of [`with_idempotency`](crate::Idempotency)) gets a
//!    limited time.
//!
//! `examples/api/src/serve.rs` does all of it, on hyper-util.
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
//! A handler that has answered may leave work behind: an e-mail, an entry in an index. Give it a [`Background`](crate::Background),
//! as a value of the state. It is counted and limited, and the server waits for it when it stops.
//!
//! Where the platform stops the process with the answer, such as AWS Lambda or the edge, **this work does not
//! happen**, or much later: there, put it into a queue.
//!
//! What must not be lost does not belong in a `Background` either: a process can crash. Write it to the database
//! in the transaction of the request, and do it from there.
//!
//! # Order
//!
//! Stage [`Admit`](crate::stage::Admit). Put the layer around everything except checks of liveness: a process that
//! drains is alive.
//!
//! # Security
//!
//! Nothing of the request is read.
//!
//! # Compared with
//!
//! `axum::serve(..).with_graceful_shutdown(..)` stops accepting at once: connections that a load balancer opens
//! before it has noticed fail. It also waits for responses without a limit.

pub(crate) mod background;
pub(crate) mod policy;

#[cfg(doc)]
use self::policy::Drain;
pub use self::{background::BackgroundFull, policy::Phase};
