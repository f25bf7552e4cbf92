//! Limits how many requests are in progress at once, all together or for each key.
//!
//! 1. A request passes while fewer than the limit are in progress.
//! 2. A request is in progress until the body of its response has ended: the server has taken its last
//!    frame, or the body has failed or been dropped. A handler that fails or panics, and a client that
//!    disconnects, release their permit as well. A request with an idempotency key, whose handler
//!    continues without the client, is in progress until the handler has also ended.
//! 3. A request beyond the limit is refused immediately with 503, or waits in a
//!    [queue](crate::ConcurrencyLimit::queue) of limited length and for a limited time, and is refused
//!    when either limit is exceeded. Waiting requests enter in the order in which they arrived, before
//!    any later ones.
//! 4. A request that needs a key but has none is answered with 500: limits by the peer's address need
//!    the server to provide it.
//!
//! Clones of a layer share its counts, so one limit can cover several routes; each call of
//! [`with_concurrency_limit`](crate::with_concurrency_limit) starts new counts. A clone also [exposes
//! them](ConcurrencyLimiter), for metrics or a health page.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{ConcurrencyLimit, with_concurrency_limit};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let handler = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = with_concurrency_limit(ConcurrencyLimit::of(1)?).layer(handler);
//!
//! // The handler is done, but the body has not been sent.
//! let first = service.clone().oneshot(Request::new(())).await?;
//! assert_eq!(first.status(), StatusCode::OK);
//!
//! let second = service.clone().oneshot(Request::new(())).await?;
//! assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(second.headers()["retry-after"], "1");
//!
//! // It has ended.
//! assert_eq!(first.into_body().collect().await?.to_bytes(), "hello");
//! let third = service.oneshot(Request::new(())).await?;
//! assert_eq!(third.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```
//!
//! # The body
//!
//! The body of a response becomes a [`Guarded`], which releases the permit when it ends. It can be
//! built from bytes if the handler's body can, so that every layer outside can still answer, and it
//! takes no memory of its own; axum boxes any body that is not its own, which is one allocation. Where
//! several handlers need the same body type, as those of an `endpoint()` do, list
//! [`with_body_adapter()`](crate::with_body_adapter) before it.
//!
//! # Responses
//!
//! | status | when | problem type | fields |
//! |---|---|---|---|
//! | 503 | the limit is reached, and the queue is full or the wait too long | `https://iana.org/assignments/http-problem-types#temporary-reduced-capacity`, with `violated-policies` | `Retry-After` |
//! | 500 | [`by_peer`](crate::ConcurrencyLimit::by_peer), but no address is known | `about:blank`; the log says what to do | |
//! | the handler's | otherwise | | |
//!
//! `Retry-After` is [configured](crate::ConcurrencyLimit::retry_after), because it is unknown when a
//! response will end.
//!
//! # Order
//!
//! The key decides. A limit on all requests together has stage [`Admit`](crate::stage::Admit), before
//! any work; a limit by the address of the peer or the client, or by a closure, has stage
//! [`Throttle`](crate::stage::Throttle), on either side of rate limits; a limit by a principal has
//! stage [`Quota`](crate::stage::Quota). [`after_auth`](crate::ConcurrencyLimit::after_auth) moves any
//! of them to `Quota`, so that requests that authentication refuses are not counted. A stack may have
//! several.
//!
//! Where the stages allow it, list a limit by key before (outside) a limit on all requests that has a
//! queue: a client that waits for its own limit then does not occupy a permit of the overall limit.
//!
//! # Security
//!
//! - It does not limit connections, and does not see a request before its head has arrived. It does
//!   not limit how long a request takes: without a timeout layer, a client that reads slowly holds its
//!   permit as long as it likes.
//! - A body has ended when the server has taken its last frame, which is before the frame is sent: a
//!   body of one frame has ended when the server begins to write it.
//! - A connection that is upgraded (a WebSocket) is in progress only until the 101 is sent, because a
//!   101 has no body.
//! - Only keys with a request in progress or waiting are in memory, about 150 bytes each, so the
//!   number of connections bounds them. Up to 512 unused semaphores are kept for later keys.
//! - Keys are hashed with a seed of the process. They are not shown by `Debug` and not logged.
//! - A refusal by key is also a 503. A proxy that takes a server out of rotation because of its 503s
//!   should not count these; otherwise one client can take the server away from the others.
//!
//! # Compared with
//!
//! - tower's `ConcurrencyLimit` releases the permit with the head of the response, so streamed bodies
//!   are not counted; it never refuses, and its queue is unbounded; it acquires its permit in
//!   `poll_ready`, so a service that is ready but not called holds one. It has no keys.
//! - A `ConcurrencyLimitLayer` limits each route of an axum router separately. Around a single
//!   handler, whose layers axum and this crate apply at each request, it limits nothing: use tower's
//!   `GlobalConcurrencyLimitLayer` there.

pub(crate) mod limiter;
pub(crate) mod policy;
mod response;
mod semaphores;

pub use self::{
    limiter::{ConcurrencyLimiter, Limited},
    policy::Overall,
    response::{Guarded, LimitedFuture},
};
