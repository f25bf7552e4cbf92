//! Limits the time until the head of the response, and tells the handler how much of it is left.
//!
//! 1. A request that is answered in time passes. The time begins when the request reaches the layer,
//!    and ends with the head of the response.
//! 2. At the deadline the work is cancelled: the future of everything inside is dropped. Then the
//!    request is answered with 503, or with 504 for a [gateway](Timeout::gateway).
//! 3. The body of a response may take longer. With [`idle`](Timeout::idle), a body ends with an error
//!    if the handler produces no new frame for too long.
//! 4. For an upgrade, such as to a WebSocket, the time also ends with the head. The upgraded
//!    connection has no deadline.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use wythe::{Deadline, Timeout, compose, with_timeout};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async fn report(deadline: Deadline) -> String {
//!     // A query gets the time that is left, and at most two seconds.
//!     let query = deadline.at_most(Duration::from_secs(2));
//!     format!("{:.0?}", query)
//! }
//! async fn never() {
//!     std::future::pending().await
//! }
//!
//! let stack = compose(with_timeout(Timeout::after(Duration::from_millis(50))?));
//! let app: Router = Router::new()
//!     .route("/report", get(stack.handler(report)))
//!     .route("/never", get(stack.handler(never)));
//! let ask = |path| app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
//!
//! assert_eq!(ask("/report").await?.status(), StatusCode::OK);
//! let refused = ask("/never").await?;
//! assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(refused.headers()["content-type"], "application/problem+json");
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | problem type | fields |
//! |---|---|---|---|
//! | 503 | there is no response at the deadline | `about:blank` | `Retry-After`, if [set](Timeout::retry_after) |
//! | 504 | the same, for a [gateway](Timeout::gateway) | `about:blank` | the same |
//! | the handler's | otherwise | | |
//!
//! 503 is the status of a server that can't answer at the moment (RFC 9110, section 15.6.4). 504 is
//! only for a server that got no timely answer from another server (section 15.6.5). 408 would say
//! that the client was too slow: [`with_body_limit`](crate::BodyLimit) uses it.
//!
//! There is no `Retry-After` by default: it is unknown how long a handler will stay slow.
//!
//! # What counts
//!
//! - Any waiting further in: for a permit of [`with_concurrency_limit`](crate::ConcurrencyLimit), for
//!   a store, for a lock.
//! - Reading the body of the request. A client that sends slowly uses up the time, and would get a 503
//!   that is not the server's fault. Give the body less time than this layer gives to the answer, and
//!   the client gets the 408 of [`BodyLimit::within`](crate::BodyLimit) instead. A route for large
//!   uploads needs its own timeout, and the outer timeout must be long enough too: an inner timeout
//!   does not extend an outer one.
//! - Not the time that the client takes to read the response.
//!
//! # What is cancelled
//!
//! The future of the handler is dropped at an `.await`, and with it everything it owns: queries, calls
//! to other servers, locks. Work that runs independently continues: a spawned task, a closure in
//! `spawn_blocking`, and the request of [`with_idempotency`](crate::Idempotency), whose answer is kept
//! for the client's next attempt and which has its own time limit. There the timeout ends the wait but
//! not the work.
//!
//! A client therefore can't know from the answer whether its request has had an effect. It should only
//! retry if the method is idempotent (RFC 9110, section 9.2.2), or with an idempotency key.
//!
//! # The deadline
//!
//! A handler takes the [`Deadline`](crate::Deadline) as an argument, and passes it on to the functions
//! that it calls; it is `Copy`. If two layers set a deadline, the earlier one counts. It is measured
//! by tokio's clock, like the timer of the layer, so that `tokio::time::pause` and `advance` affect
//! both in tests.
//!
//! # Order
//!
//! Stage [`Admit`](crate::stage::Admit), on either side of
//! [`with_concurrency_limit`](crate::ConcurrencyLimit). Outside it, waiting for a permit counts;
//! inside it, only the work does. In both orders, the permit is released when the deadline has ended
//! the work.
//!
//! # Security
//!
//! - It limits the time of each request, and thus how long a request can hold memory, a permit or a
//!   database connection. It does not limit the time of a request's head, nor that of connections
//!   without a request: the server does.
//! - A client that reads the response slowly is not cut off. The server does not ask for the next
//!   frame of a body until there is room for it, so [`idle`](Timeout::idle) measures the handler and
//!   not the client.
//!
//! # Compared with
//!
//! - tower's `Timeout` fails with an error, which axum's routers do not accept. tower-http's
//!   `TimeoutLayer` answers with an empty response and a status of your choice, by default 408, which
//!   tells clients that they were too slow and may send the request again.
//! - tower-http's `TimeoutBody` limits the time between two frames, but runs while the client reads.
//! - gRPC sends deadlines with requests (`grpc-timeout`). This layer reads no time from a request.

pub(crate) mod policy;
mod stream;

#[cfg(doc)]
use self::policy::Timeout;
pub use self::{
    policy::{Idle, NoIdle, TimedFuture, TimedService},
    stream::{IdleBody, IdleFuture, IdleService, StalledError},
};
