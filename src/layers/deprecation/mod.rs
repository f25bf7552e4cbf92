//! Announces that a route or a version is deprecated and when it ends, says who still calls it, and
//! answers 410 after the end.
//!
//! 1. Every response has `Deprecation` (RFC 9745), `Sunset` if there is an end (RFC 8594), and a `Link` to
//!    each page that is named. `Deprecation` and `Sunset` that a handler has set stay.
//! 2. Each request leaves one event at level `INFO`, with the method, the route, the address of the client
//!    and, where known, the [principal](crate::Deprecation::by_principal). A function of
//!    [your own](crate::Deprecation::on_use) can count them.
//! 3. After the end, requests are answered with 410, if [the policy says
//!    so](crate::Deprecation::gone_after_sunset). By default they pass: `Sunset` is a hint (RFC 8594,
//!    section 3).
//!
//! # Example
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use tower::{ServiceExt, service_fn};
//! use wythe::{Body, Deprecation, compose, with_deprecation};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let old = Deprecation::since("2023-07-01")?
//!     .sunset("2099-01-31")?
//!     .successor("/api/v2/hello")?
//!     .documentation("https://example.com/docs/migration")?;
//! let stack = compose(with_deprecation(old));
//! let service = stack.service(service_fn(async |_: Request<Body>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(Body::from("Hello!")))
//! }));
//!
//! let response = service.oneshot(Request::new(Body::default())).await?;
//! assert_eq!(response.headers()["deprecation"], "@1688169600");
//! assert_eq!(response.headers()["sunset"], "Sat, 31 Jan 2099 00:00:00 GMT");
//! let links = response.headers().get_all("link").iter();
//! assert!(links.eq([
//!     "</api/v2/hello>; rel=\"successor-version\"",
//!     "<https://example.com/docs/migration>; rel=\"deprecation\"",
//! ]));
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | reason | fields |
//! |---|---|---|---|
//! | 410 | after the sunset, with [`gone_after_sunset`](crate::Deprecation::gone_after_sunset) | `sunset` | `Deprecation`, `Sunset`, `Link` |
//! | the handler's | otherwise | | `Deprecation`, `Sunset`, `Link` |
//!
//! # In an `Api`
//!
//! The operations are `deprecated` in the OpenAPI document, and their responses have the fields. The audit
//! lists the deprecated routes with their dates.
//!
//! # Order
//!
//! Stage [`Any`](crate::stage::Any). Outside of [`with_auth`](crate::Auth), refusals have the fields too, and
//! 410 comes before any work. Inside, the event has the principal.
//!
//! # Security
//!
//! The event has no path, query or field of the request. `Link` has the URIs of the policy, and nothing
//! from the request.
//!
//! # Compared with
//!
//! `StandardApiVersionDeprecationHandler` of Spring Framework sets the same fields. It neither answers
//! 410 nor logs who still calls.

pub(crate) mod policy;

pub use self::policy::IntoDate;
