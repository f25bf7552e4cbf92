//! Limits how many requests are in progress at once, all together or for each key.
//!
//! 1. A request passes while fewer than the limit are in progress.
//! 2. A request is in progress until the body of its response has ended: the server has taken its
//!    last frame, or it has failed or been dropped. A handler that fails or panics, and a client
//!    that disconnects, free their place as well. A request with an idempotency key, whose handler
//!    goes on without the client, is in progress until that has ended, too.
//! 3. A request beyond the limit is refused at once with 503, or waits in a
//!    [queue](crate::ConcurrencyLimit::queue) of limited length and for a limited time, and is
//!    refused when either is exceeded. Waiting requests enter in the order in which they came,
//!    before any later ones.
//! 4. A request that has no key but needs one is answered with 500: limits by the address of the
//!    peer need the server to provide it.
//!
//! Clones of a layer share its counts, so one limit can cover several routes; each call of
//! [`with_concurrency_limit`](crate::with_concurrency_limit) starts new counts. A clone also
//! [shows them](ConcurrencyLimiter), for metrics or a health page.
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
//! The body of a response becomes a [`Guarded`] one, which frees the place at its end. It can be
//! made from bytes if the handler's can, so that every layer outside can still answer, and it takes
//! no memory of its own; axum boxes any body that is not its own, which is one allocation. Where
//! several handlers need bodies of one type, as those of an `endpoint()` do, list
//! [`with_body_adapter()`](crate::with_body_adapter) before it.
//!
//! # Responses
//!
//! | status | when | problem type | fields |
//! |---|---|---|---|
//! | 503 | the limit is reached, and the queue is full or the wait too long | `https://iana.org/assignments/http-problem-types#temporary-reduced-capacity`, with `violated-policies` | `Retry-After` |
//! | 500 | [`by_peer`](crate::ConcurrencyLimit::by_peer), and no address | `about:blank`; the log says what to do | |
//! | the handler's | otherwise | | |
//!
//! `Retry-After` is [configured](crate::ConcurrencyLimit::retry_after), as nobody knows when a
//! response will end.
//!
//! # Order
//!
//! The key decides. A limit on all requests together has stage [`Admit`](crate::stage::Admit),
//! before any work; one by the address of the peer or the client, or by a closure, has stage
//! [`Throttle`](crate::stage::Throttle), on either side of rate limits; one by a principal has stage
//! [`Quota`](crate::stage::Quota). [`after_auth`](crate::ConcurrencyLimit::after_auth) moves any of
//! them there, so that requests that authentication refuses are not counted. A stack may have
//! several.
//!
//! Where the stages allow it, list a limit by key before (outside) a limit on all requests that has
//! a queue: then a client that waits for its own limit does not occupy a place of the others.
//!
//! # Security
//!
//! - It does not limit connections, and does not see a request before its head has arrived. It does
//!   not limit how long a request takes: without a timeout layer, a client that reads slowly keeps
//!   its place as long as it likes.
//! - A body has ended when the server has taken its last frame, which is before that is sent: a body
//!   of one frame has ended when the server begins to write it.
//! - A connection that is upgraded (a WebSocket) is in progress until the 101 is sent, as that has
//!   no body.
//! - Memory holds only keys that have a request in progress or waiting, about 150 bytes each, so the
//!   number of connections bounds them. Up to 512 unused semaphores are kept for the next keys.
//! - Keys are hashed with a seed of the process. They are not shown by `Debug` and not logged.
//! - A refusal by key is a 503 too. A proxy that takes a server out of service because of its 503s
//!   should not count these, or one client can take the server from the others.
//!
//! # Compared with
//!
//! - tower's `ConcurrencyLimit` frees the place with the head of the response, so streamed bodies are
//!   not counted; it never refuses, and its queue is unbounded; it takes its place in `poll_ready`,
//!   so a service that is ready and not called keeps one. It has no keys.
//! - A `ConcurrencyLimitLayer` limits each route of an axum router separately, and around a single
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
