//! Tells caches what they may do with the handler's responses.
//!
//! 1. A response on which the handler has set `Cache-Control` is not changed.
//! 2. A success (2xx) and a 304 get the policy; a `no-store` policy applies to every status.
//! 3. A status with a policy of its own, [`CacheControl::for_status`], gets that policy.
//! 4. A response to an authenticated request is kept out of shared caches: it gets the policy's
//!    private form, or `private` alone where no policy applies. A request is authenticated if it
//!    has an `Authorization` field (RFC 9111, section 3.5), or if a layer outside this one has left
//!    [`Authenticated`] in its extensions, as `with_auth` does, for cookies too.
//! 5. If the handler has set `Expires`, the policy's lifetime is left out, because it would
//!    override that field. Its restrictions, such as `private` or `must-revalidate`, are kept.
//!
//! No request is rejected. A contradictory policy does not compile, or is a
//! [`ConfigError`](crate::ConfigError) when it is parsed.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, header};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{CacheControl, with_cache_control};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let policy = CacheControl::public()
//!     .s_maxage(Duration::from_secs(60))
//!     .stale_while_revalidate(Duration::from_secs(300));
//! let handler = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = with_cache_control(policy).layer(handler);
//!
//! let response = service.clone().oneshot(Request::new(())).await.unwrap();
//! assert_eq!(
//!     response.headers()["cache-control"],
//!     "public, s-maxage=60, stale-while-revalidate=300"
//! );
//!
//! // Shared caches must not store what an authenticated client gets.
//! let mut request = Request::new(());
//! let token = "Bearer mF_9.B5f-4.1JqM".parse().unwrap();
//! request.headers_mut().insert(header::AUTHORIZATION, token);
//! let response = service.oneshot(request).await.unwrap();
//! assert_eq!(response.headers()["cache-control"], "private");
//! # }
//! ```
//!
//! # Responses
//!
//! The layer sends no response of its own. It adds to the handler's:
//!
//! | status | when | fields |
//! |---|---|---|
//! | 2xx, 304 | the handler has not set `Cache-Control` | `Cache-Control`, `CDN-Cache-Control` |
//! | listed with `for_status` | the same | the same, by that policy |
//! | any other | the policy is `no-store` | `Cache-Control: no-store` |
//! | any other | the request is authenticated | `Cache-Control: private` |
//!
//! # Order
//!
//! Stage [`Cache`](crate::stage::Cache), innermost: only the handler's own responses are marked,
//! never a 401 or 429 of a layer outside, which a CDN would then serve to everyone.
//!
//! # Security
//!
//! - A request that is authenticated by other means, such as a cookie that only the handler reads,
//!   looks anonymous to this layer: use `private()` or `no_store()` for such handlers, or insert
//!   [`Authenticated`] in a layer of your own.
//! - A field that the handler sets wins, even `public` on a response to an authenticated request.
//! - `Set-Cookie` does not keep shared caches from storing a response (RFC 9111, section 7.3): do
//!   not set cookies behind a `public` policy.
//! - Whether a stored response may be used for another request also depends on `Vary`, which this
//!   layer leaves to the layers and handlers that select by a field.
//!
//! # Compared with
//!
//! tower-http's `SetResponseHeaderLayer` sets an unchecked value on responses of every status, to
//! authenticated and anonymous requests alike.

pub(crate) mod caching;
mod directives;
pub(crate) mod policy;
pub mod state;

pub use self::caching::Caching;
#[cfg(doc)]
use self::policy::CacheControl;
#[cfg(doc)]
use crate::request::Authenticated;
