//! Limits how many requests are in progress at once, all together or for each key.
//!
//! 1. A request passes while fewer than the limit are in progress.
//! 2. A request is in progress until the body of its response has ended: until the server has
//!    taken its last frame, it has failed, or it has been dropped. A handler that fails or
//!    panics, and a client that goes away, give their place back as well.
//! 3. One too many is refused at once with 503, or waits in a [queue](ConcurrencyLimit::queue) of
//!    a limited length and for a limited time, and is refused when either is exceeded. Those that
//!    wait come in in the order in which they came, before any that come later.
//! 4. A request without a key is answered with 500, if there should be one: limits by the address
//!    of the peer need the server to say what it is.
//!
//! Clones of a layer share its counts, so one limit can stand over several routes; each call of
//! [`with_concurrency_limit`] starts counts of its own. A clone also
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
//! The body of a response becomes a [`Guarded`] one, which is where the place is given back. It can
//! be made from bytes if the handler's can, so that every layer outside still answers, and it takes
//! no memory of its own; axum puts any body that is not its own into a box, which is one
//! allocation. Where two handlers need bodies of one type, as those of an
//! `endpoint()` do, list [`with_body_adapter()`](crate::with_body_adapter) before it.
//!
//! # Responses
//!
//! | status | when | problem type | fields |
//! |---|---|---|---|
//! | 503 | so many are in progress, and the queue is full or the wait too long | `https://iana.org/assignments/http-problem-types#temporary-reduced-capacity`, with `violated-policies` | `Retry-After` |
//! | 500 | [`by_peer`](ConcurrencyLimit::by_peer), and no address | `about:blank`; the log says what to do | |
//! | the handler's | else | | |
//!
//! `Retry-After` is [what the limit says](ConcurrencyLimit::retry_after): when a response will
//! end, nobody knows.
//!
//! # Order
//!
//! Where its key says. The limit on all requests together has stage
//! [`Admit`](crate::stage::Admit), before any work; one by the address of the peer or the client,
//! or by a closure, has stage [`Throttle`](crate::stage::Throttle), where rate limits stand, on
//! either side of one; one by a principal has stage [`Quota`](crate::stage::Quota). With
//! [`after_auth`](ConcurrencyLimit::after_auth) each can stand there, and then counts no request
//! that authentication refuses. A stack may hold several.
//!
//! List the limit by key before, or outside, a limit on all that has a queue, where the stages
//! let you: a client that waits for its own turn then holds no place of the others'.
//!
//! # Security
//!
//! - It is no limit on connections, and a request whose head has not arrived is not seen. How long
//!   a request may take is for a timeout layer to say: without one, a client that reads slowly
//!   keeps its place for as long as it likes.
//! - "Taken its last frame" is earlier than "sent": a body that is one frame in memory has ended
//!   when the server begins to write it.
//! - A connection that is upgraded (a WebSocket) is in progress until the 101 is sent, as that has
//!   no body.
//! - Memory holds only keys that have a request in progress or waiting, so that the connections of
//!   the server bound them: about 150 bytes each. A gate that is no longer needed is kept for the
//!   next key, up to 512 of them.
//! - Keys are hashed with a seed of the process. They are not shown by `Debug` and not logged.
//! - A refusal by key is a 503 too. A proxy that takes a server out of service because of its 503s
//!   should not count these, or one client can do that to the others.
//!
//! # Compared with
//!
//! - tower's `ConcurrencyLimit` gives the place back with the head of the response, so that
//!   bodies which are streamed are not counted; it never refuses, and its queue has no bound;
//!   it takes its place in `poll_ready`, so that a service that is ready and not called keeps one.
//!   It knows no keys.
//! - A `ConcurrencyLimitLayer` limits each route of an axum router apart, and around a single
//!   handler, whose layers axum and this crate apply at each request, it limits nothing: there,
//!   tower's is `GlobalConcurrencyLimitLayer`.

mod body;
mod future;
mod gate;
mod limiter;
mod policy;
mod service;
mod table;

pub use self::{
    body::Guarded,
    future::LimitedFuture,
    limiter::ConcurrencyLimiter,
    policy::{ConcurrencyLimit, Overall},
    service::Limited,
};
use crate::{
    contract::{Placed, placed},
    request::key::Key,
};

/// Limits how many requests are in progress at once; see the [module](self).
pub fn with_concurrency_limit<K: Key>(limit: ConcurrencyLimit<K>) -> Placed<ConcurrencyLimiter<K>> {
    placed(ConcurrencyLimiter::new(limit))
}
