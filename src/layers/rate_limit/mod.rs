//! Limits how many requests a client can make in what time.
//!
//! 1. A request whose key has something left of every quota passes, and what it costs is taken
//!    from each: one, unless told.
//! 2. A request for which one quota has too little left is answered with 429; nothing is taken
//!    from the others, so a client that keeps hammering does not lock itself out of them.
//! 3. A request without a key is answered with 500, if there should be one: limits by address need
//!    the server, or `with_client_ip`, to say what it is.
//!
//! Quotas are counted by GCRA, from [governor]: they refill evenly, without windows whose edges
//! let twice as much through. Clones of a layer share its counts, so one limit can stand over
//! several routes; each call of [`with_rate_limit`] with a [`RateLimit`] starts counts of its own.
//!
//! | what you want | how |
//! |---|---|
//! | several quotas at once | [`RateLimit::of`] |
//! | by address, user, route, or several of these | the [keys](crate::key) |
//! | some requests cost more | [`cost`](RateLimit::cost) |
//! | pay by bytes, tokens, rows | [`settle`](RateLimit::settle), [`settle_by_handler`](RateLimit::settle_by_handler) |
//! | pay by the bytes of a stream | [`Handle::metered`] |
//! | count failed logins only | [`count_failures`](RateLimit::count_failures) |
//! | more for those who pay | [`RateLimit::plans`] |
//! | limit by what is in the body | [`in_handler`](Quotas::in_handler) |
//! | spare health checks | [`exempt`](RateLimit::exempt) |
//! | try it out first | [`shadow`](RateLimit::shadow) |
//! | block, pardon, show what is left | [`Limiter::handle`] |
//! | one limit for many instances | `in_redis`, with feature `rate-limit-redis` |
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
//! assert_eq!(response.headers()["ratelimit-policy"], r#""default";q=1;w=3600"#);
//! assert_eq!(response.headers()["ratelimit"], r#""default";r=0;t=3600"#);
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
//! | 429 | the request costs more than a quota ever holds | the same | no `Retry-After` |
//! | 500 | the key is an address or a path parameter, and there is none | `about:blank`; the log says what to do | |
//! | 503 | the store is full and [refuses](Overflow::Refuse) new keys | `https://iana.org/assignments/http-problem-types#temporary-reduced-capacity` | `Retry-After` |
//! | 503 | the store is shared, does not answer, and `OnFailure::Deny` was chosen | the same | `Retry-After` |
//! | the handler's | else | | `RateLimit`, `RateLimit-Policy`, or what [`RateLimitFields`] says |
//!
//! `Retry-After` is rounded up and never 0: a client that waits for so long is let through, unless
//! others share its key. To the answers to requests that have an `Origin`, the names of these
//! fields are added as `Access-Control-Expose-Headers`, without which a browser hides them; it is
//! still CORS that decides whether the page may read the response.
//!
//! # Order
//!
//! Stage [`Throttle`](crate::stage::Throttle): inside CORS, whose preflights are not counted, and
//! outside the checks of passwords and signatures, which it protects. A key that is known only
//! after these needs [`after_auth`](RateLimit::after_auth), which is stage
//! [`Quota`](crate::stage::Quota).
//!
//! # Security
//!
//! - Behind a proxy, the peer is the proxy, and all clients share its quota: use
//!   `with_client_ip` and `by_client_ip`.
//! - IPv6 clients are counted by /64 unless told. Whoever has a /48 has 65,536 of these.
//! - Memory is bounded: a limit keeps a million keys unless [told](RateLimit::max_keys), of at most
//!   48 bytes each. Who has more addresses than that makes it forget the keys that have least to
//!   forget, or refuse new ones.
//! - Keys are hashed with a seed of the process. They are not shown by `Debug` and not logged.
//! - The fields tell clients the limits; [`RateLimitFields::None`] does not.
//! - A client that goes away before its answer has paid what was taken. So guesses of a password
//!   can't be made free by hanging up.
//!
//! # Compared with
//!
//! - `tower_governor` 0.8: a refusal costs over a hundred times what an acceptance does, and says
//!   `Retry-After: 0`; keys are never dropped; `per_second(n)` means one in n seconds.
//! - tower's `RateLimit`: one limit for all clients together, that does not hold over clones.
//!
//! [governor]: https://docs.rs/governor

mod capacity;
mod clock;
mod counting;
mod decide;
mod fields;
mod handle;
mod in_handler;
mod keyed;
mod limit;
mod limiter;
mod memory;
mod metered;
mod plan;
mod plans;
mod policy;
mod quota;
mod remaining;
mod request;
mod rule;
#[cfg(feature = "rate-limit-redis")]
pub mod shared;
mod store;
mod verdict;

pub use self::{
    counting::{Answered, Cost},
    fields::RateLimitFields,
    handle::Handle,
    in_handler::InHandler,
    limiter::{Carried, Limiter},
    metered::Metered,
    plans::Plans,
    policy::{Quotas, RateLimit},
    quota::Quota,
    remaining::{Counts, Remaining},
    store::Overflow,
};
use crate::{
    contract::{With, with},
    request::key::Key,
};

/// Limits how many requests a client can make in what time; see the [module](self).
///
/// It takes a [`RateLimit`], or a [`Limiter`] whose counts are to be shared.
pub fn with_rate_limit<K: Key>(limit: impl Into<Limiter<K>>) -> With<Limiter<K>> {
    with(limit.into())
}
