//! Limits the rate of requests by client, or by any other key.
//!
//! 1. A request passes if each quota of its key has enough left. Its cost, one unit by default, is
//!    taken from every quota.
//! 2. A request for which one quota has too little left is answered with 429. Nothing is taken from
//!    the other quotas, so a client that keeps retrying does not use them up.
//! 3. A request that needs a key but has none is answered with 500: limits by address need the server,
//!    or `with_client_ip`, to provide it.
//!
//! Quotas are counted by GCRA, from [governor]: they are replenished evenly, without windows at whose
//! edges twice as much passes. Clones of a layer share its counts, so one limit can cover several
//! routes; each call of [`with_rate_limit`](crate::with_rate_limit) with a
//! [`RateLimit`](crate::RateLimit) starts new counts, unless they are in Redis.
//!
//! | to | use |
//! |---|---|
//! | have several quotas at once | [`RateLimit::of`](crate::RateLimit::of) |
//! | count by address, user, route, or several of these | the [keys](crate::key) |
//! | let some requests cost more | [`cost`](crate::RateLimit::cost) |
//! | charge bytes, tokens, rows | [`settle`](crate::RateLimit::settle), [`settle_by_handler`](crate::RateLimit::settle_by_handler) |
//! | charge the bytes of a stream | [`Handle::metered`] |
//! | count only failed logins | [`count_failures`](crate::RateLimit::count_failures) |
//! | give paying customers more | [`RateLimit::plans`](crate::RateLimit::plans) |
//! | count by a value in the body | [`in_handler`](Quotas::in_handler) |
//! | exempt health checks | [`except_routes`](crate::With::except_routes), [`exempt`](crate::RateLimit::exempt) |
//! | try a limit out | [`shadow`](crate::RateLimit::shadow) |
//! | block a client, reset it, show its remaining units | [`Limiter::handle`] |
//! | share a limit between instances | `in_redis`, with feature `rate-limit-redis` |
//!
//! # Example
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{PeerAddr, Quota, with_rate_limit};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let handler = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = with_rate_limit(Quota::per_hour(1).by_peer()?).layer(handler);
//!
//! let peer: SocketAddr = "203.0.113.9:50123".parse()?;
//! let mut request = Request::new(());
//! request.extensions_mut().insert(PeerAddr(peer));
//!
//! let response = service.clone().oneshot(request.clone()).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! assert_eq!(response.headers()["ratelimit-policy"], r#""1-per-hour";q=1;w=3600"#);
//! assert_eq!(response.headers()["ratelimit"], r#""1-per-hour";r=0;t=3600"#);
//!
//! let response = service.oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
//! assert_eq!(response.headers()["retry-after"], "3600");
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | problem type | fields |
//! |---|---|---|---|
//! | 429 | a quota has too little left | `https://iana.org/assignments/http-problem-types#quota-exceeded`, with `violated-policies` | `Retry-After`, and those below |
//! | 429 | the request costs more than a quota's burst | the same; the `detail` states the maximum cost | those below, and no `Retry-After` |
//! | 500 | the key is an address or a path parameter that is missing | `about:blank`; the log says what to do | |
//! | 503 | memory is full and [refuses](Overflow::Refuse) new keys | `https://iana.org/assignments/http-problem-types#temporary-reduced-capacity` | `Retry-After` |
//! | 503 | the limit is in Redis, which does not answer, with `OnFailure::Deny` | the same | `Retry-After` |
//! | the handler's | otherwise | | `RateLimit`, `RateLimit-Policy`, or those of [`RateLimitFields`](crate::RateLimitFields) |
//!
//! `Retry-After` is rounded up and never 0: a client that waits that long passes, unless others share
//! its key, or requests in progress [hold](crate::RateLimit::settle) units that may be given back. A
//! response has the fields of all limits that the request has passed, which clients tell apart by
//! their [names](crate::Quota::named). Responses to requests with an `Origin` field list the names of
//! these fields in `Access-Control-Expose-Headers`, without which a browser hides them; CORS still
//! decides whether the page may read the response.
//!
//! # Order
//!
//! Stage [`Throttle`](crate::stage::Throttle): inside CORS, whose preflights are not counted, and
//! outside the verification of passwords and signatures, which it protects. A key that is known only
//! after authentication needs [`after_auth`](crate::RateLimit::after_auth), which is stage
//! [`Quota`](crate::stage::Quota).
//!
//! # Security
//!
//! - Behind a proxy, the peer is the proxy, and all clients share its quota: use
//!   `with_client_ip` and `by_client_ip`.
//! - IPv6 clients are counted by /64 by default. A client with a /48 has 65,536 of these.
//! - Memory is bounded: by [default](crate::RateLimit::max_keys) a limit keeps a million keys of at
//!   most 48 bytes each. A client with more addresses than that makes it drop the keys that are
//!   closest to full quotas, or refuse new keys.
//! - Keys are hashed with a seed of the process. They are not shown by `Debug` and not logged.
//! - The fields reveal the limits to clients, unless you choose
//!   [`RateLimitFields::None`](crate::RateLimitFields::None).
//! - A client that disconnects before it is answered still pays what was taken, so this does not make
//!   password guesses free.
//!
//! # Compared with
//!
//! - `tower_governor` 0.8: a refusal costs over a hundred times as much as an acceptance, and says
//!   `Retry-After: 0`; keys are never dropped; `per_second(n)` means one request in n seconds.
//! - tower's `RateLimit`: one limit for all clients together, which clones do not share.
//!
//! [governor]: https://docs.rs/governor
#![cfg_attr(
    not(feature = "rate-limit-redis"),
    allow(
        clippy::missing_const_for_fn,
        clippy::needless_pass_by_value,
        clippy::unused_self,
        dead_code,
        reason = "limits in Redis need the rest"
    )
)]

mod builder;
mod gcra;
mod handle;
mod limit;
pub(crate) mod limiter;
mod memory;
mod metered;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod quota;
#[cfg(feature = "rate-limit-redis")]
pub mod redis;
mod store;

pub use self::{
    builder::{Plans, Quotas},
    handle::{Counts, Handle, InHandler, Remaining},
    limiter::{Carried, Limiter},
    memory::Overflow,
    metered::Metered,
    policy::{Answered, Cost},
};
