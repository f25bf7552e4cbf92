//! Limits how many requests a client can make in what time.
//!
//! 1. A request whose key has something left of every quota passes, and one is taken from each.
//! 2. A request for which one quota is spent is answered with 429; nothing is taken from the
//!    others, so a client that keeps hammering does not lock itself out of them.
//! 3. A request without a key is answered with 500, if there should be one: limits by the address
//!    of the peer need the server to say what it is.
//!
//! Quotas are counted by GCRA, from [governor]: they refill evenly, without windows whose edges
//! let twice as much through. The counts are kept in memory: each process has its own, and a
//! restart forgets them. Clones of a layer share its counts, so one limit can stand over several
//! routes; each call of [`with_rate_limit`] starts counts of its own.
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
//! | 429 | a quota is spent | `https://iana.org/assignments/http-problem-types#quota-exceeded`, with `violated-policies` | `Retry-After`, and those below |
//! | 500 | [`by_peer`](Quotas::by_peer), and no address | `about:blank`; the log says what to do | |
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
//! - Behind a proxy, the peer is the proxy, and all clients share its quota.
//! - IPv6 clients are counted by /64 unless told. Whoever has a /48 has 65,536 of these.
//! - The number of keys is not bounded: a key is kept until its quotas are whole again, and then
//!   until its part of the table is swept, within a minute of its next use or before that part
//!   doubles. So memory follows the number of keys that are not whole, but an attacker with very
//!   many addresses or keys can make that large: for one quota by peer 40 to 80 bytes for each.
//!   While nobody sends requests, nothing is swept.
//! - Keys are hashed with a seed of the process. They are not shown by `Debug` and not logged.
//! - The fields tell clients the limits; [`RateLimitFields::None`] does not.
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
mod fields;
mod limiter;
mod policy;
mod quota;
mod rule;
mod store;

pub use self::{
    fields::{RateLimitFields, Report},
    limiter::Limiter,
    policy::{Quotas, RateLimit},
    quota::Quota,
    store::Overflow,
};
use crate::{
    key::Key,
    middleware::{With, with},
};

/// Limits how many requests a client can make in what time; see the [module](self).
pub fn with_rate_limit<K: Key>(limit: RateLimit<K>) -> With<Limiter<K>> {
    with(Limiter::new(limit))
}
