//! Reads the cookies of a request, and sets cookies with safe attributes.
//!
//! 1. [`Cookies`] are what the client sent. A name that was sent twice is an error and not one of
//!    the two: they were set for two paths or domains, and which is the server's own can't be known
//!    (RFC 6265, section 4.2.2).
//! 2. [`SetCookie`] is a cookie of the response: `HttpOnly; SameSite=Lax; Secure; Path=/` unless
//!    said otherwise, appended beside other cookies. What a browser would drop without a word, such
//!    as `__Host-` with a domain, is an error.
//!
//! # Example
//!
//! A handler that remembers a choice:
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, body::Body, http::Request, routing::get};
//! use tower::ServiceExt;
//! use wythe::{Cookies, Problem, SetCookie, compose};
//!
//! async fn count(cookies: Cookies) -> Result<(SetCookie, String), Problem> {
//!     let visits = cookies.parse::<u32>("visits")?.unwrap_or(0).saturating_add(1);
//!     Ok((SetCookie::new("visits", visits.to_string())?, format!("visit {visits}")))
//! }
//!
//! let app = Router::new().route("/", get(compose(()).handler(count)));
//!
//! let request = Request::get("/").header("cookie", "theme=dark; visits=6").body(Body::empty())?;
//! let response = app.clone().oneshot(request).await?;
//! let set = &response.headers()["set-cookie"];
//! assert_eq!(set, "visits=7; HttpOnly; SameSite=Lax; Secure; Path=/");
//!
//! let request = Request::get("/").header("cookie", "visits=many").body(Body::empty())?;
//! assert_eq!(app.oneshot(request).await?.status(), 400);
//! # Ok(()) }
//! # main().unwrap(); }
//! ```
//!
//! # Security
//!
//! - A cookie is what the client says. Whoever uses the browser can write any, and a server on
//!   another subdomain, or anybody on a network without TLS, can plant one, unless its name starts
//!   with `__Host-`. What must be true belongs into a session (`Sessions`) or a token (`Jwt`).
//! - A response that sets a cookie must not be shared by caches: `Cache-Control: private` or
//!   `no-store` (RFC 9111, section 7.3).
//! - Neither type shows a value in `Debug`.
//!
//! # Compared with
//!
//! axum-extra's `CookieJar` and tower-cookies keep the last of two cookies of one name, and add none
//! of the attributes. The cookies of both are those of the crate `cookie`, which writes ours, too.

mod request;
mod rules;
mod set_cookie;

pub use request::{CookieError, Cookies};
pub use set_cookie::SetCookie;
