//! The cookies of a request, and cookies of a response with safe attributes.
//!
//! 1. [`Cookies`] are the cookies that the client sent. A name that was sent twice is an error: the two
//!    cookies were set for different paths or domains, and the server cannot know which one is its own
//!    (RFC 6265, section 4.2.2). [`Cookies::find_all`] returns all values of a name.
//! 2. [`SetCookie`] is a cookie of the response: by default `HttpOnly; SameSite=Lax; Secure; Path=/`,
//!    appended to other cookies. What a browser would silently ignore, such as `__Host-` with a domain,
//!    is an error.
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
//! - The client controls its cookies. The user of a browser can write any cookie, and a server on
//!   another subdomain, or an attacker on a network without TLS, can plant one, unless its name starts
//!   with `__Host-`. Data that must be trusted belongs in a session (`Sessions`) or a token (`Jwt`).
//! - Shared caches must not store a response that sets a cookie: use `Cache-Control: private` or
//!   `no-store` (RFC 9111, section 7.3).
//! - Neither type shows a value in `Debug`.
//!
//! # Compared with
//!
//! axum-extra's `CookieJar` and tower-cookies keep the last of two cookies with the same name, and set
//! none of the attributes by default. Both use the crate `cookie`, as does this module.
//!
//! [`Cookies`]: crate::Cookies
//! [`Cookies::find_all`]: crate::Cookies::find_all
//! [`SetCookie`]: crate::SetCookie

pub(crate) mod request;
pub(crate) mod set_cookie;

pub use request::CookieError;
