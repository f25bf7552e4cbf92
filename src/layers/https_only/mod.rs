//! Rejects or redirects requests over plain `http`.
//!
//! 1. A request that came over TLS passes. The [`Transport`](crate::Transport) decides: the listener
//!    accepts only TLS, or a trusted proxy says so in `X-Forwarded-Proto` or `Forwarded`.
//! 2. Otherwise, a request in HTTP/1.1 whose target is absolute and `https` is rejected with 421: it is for
//!    another connection (RFC 9110, section 7.4).
//! 3. `GET` and `HEAD` are redirected with 308, if the policy has
//!    [hosts to redirect to](HttpsOnly::redirect_to), and if the request has no `Authorization`.
//! 4. Everything else is rejected with 403.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode};
//! use tower::ServiceExt;
//! use wythe::{HttpsOnly, PeerAddr, Transport, compose, with_https_only};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let transport = Transport::x_forwarded_proto(["10.0.0.0/8"])?;
//! let stack = compose(with_https_only(HttpsOnly::by(transport).redirect_to(["example.com"])?));
//! let app: Router = Router::new().route("/orders", get(async || "hello")).layer(stack);
//! let proxy = PeerAddr("10.0.0.5:50123".parse()?);
//! let ask = |proto: &str| {
//!     let request = Request::get("/orders?page=2").header("x-forwarded-proto", proto);
//!     app.clone().oneshot(request.extension(proxy).body(Body::empty()).unwrap())
//! };
//!
//! assert_eq!(ask("https").await?.status(), StatusCode::OK);
//! let redirected = ask("http").await?;
//! assert_eq!(redirected.status(), StatusCode::PERMANENT_REDIRECT);
//! assert_eq!(redirected.headers()["location"], "https://example.com/orders?page=2");
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | problem type | fields |
//! |---|---|---|---|
//! | 403 | over plain `http`, and not redirected | `about:blank` | |
//! | 421 | over plain `http`, for an absolute `https` target | `about:blank` | |
//! | 308, or [307](HttpsOnly::temporarily) | over plain `http`, to read, with hosts to redirect to | no problem | `Location` |
//! | 500 | the address of the peer is not known, and the policy trusts proxies | `about:blank`; the log says what to do | |
//!
//! # Order
//!
//! Stage [`Entrance`](crate::stage::Entrance), anywhere up to `Admit`: before anything is done with the
//! request. Where it stands relative to [`with_cors`](crate::Cors) is up to you:
//!
//! - **Outside** (`compose((with_https_only(policy), with_cors(cors), ..))`), it checks preflights too. A
//!   preflight has no credentials, and after its 403 the browser does not send the request that has some. No
//!   script can read the refusal, and no layer that presents refusals changes it.
//! - **Inside**, CORS answers a preflight over plain `http`, and the browser sends the request with its
//!   credentials, unencrypted, before it is rejected. The refusal has the shape of all others.
//!
//! Health checks, and the challenges of a certificate authority (`/.well-known/acme-challenge/`), come over plain `http`: serve them
//! elsewhere, or use `.except_routes(..)`.
//!
//! # Security
//!
//! - A redirect comes too late for the request itself: what it contained was sent unencrypted. So an API
//!   should not redirect at all. Then its clients notice a wrong address immediately, before they
//!   routinely send credentials to it.
//! - Nor does it protect the next request of a browser: an attacker on the network can answer first.
//!   Send `Strict-Transport-Security` by [`with_security_headers`](crate::SecurityHeaders::hsts), so
//!   that browsers use TLS by themselves.
//! - Redirects lead only to hosts of the policy. If `Host` could choose the target, a cache that stores the
//!   redirect would send others to the site of an attacker.
//! - Cookies without `Secure` are sent over plain `http` before the redirect.
//!
//! # Compared with
//!
//! - `UseHttpsRedirection` of ASP.NET Core redirects every method with 307 to the host of the request, and
//!   Django's `SECURE_SSL_REDIRECT` with 301; both need another setting for the host. `express-enforces-ssl`
//!   redirects `GET` and `HEAD` and answers 403 otherwise, as here.
//! - Rails' `force_ssl` and Django trust `X-Forwarded-Proto` of any peer once they are told to read it.

pub(crate) mod policy;

#[cfg(doc)]
use self::policy::HttpsOnly;
