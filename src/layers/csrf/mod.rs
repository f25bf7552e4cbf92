//! Rejects requests that a page of another site makes a browser send with the user's cookies:
//! cross-site request forgery, detected by [Fetch Metadata] and `Origin`.
//!
//! 1. GET, HEAD and OPTIONS pass, unless they open a WebSocket. The following rules apply to all other
//!    methods, including TRACE and CONNECT, and to requests whose `Upgrade` contains `websocket`.
//!    (Over HTTP/2, a WebSocket is opened with CONNECT.)
//! 2. `Sec-Fetch-Site: same-origin` passes, and so does `none`, which means that the user started the
//!    request. Any other value is rejected, including `same-site`.
//! 3. Without `Sec-Fetch-Site`, an `Origin` passes if its host and port are those that the request was
//!    sent to. Any other `Origin` is rejected, including `null`.
//! 4. Without both fields the request passes, because no current browser sends such a request. You can
//!    require a token instead: see [`Csrf::fallback_token`].
//! 5. Several lines of one of the two fields are rejected.
//! 6. A request that rule 2 or 3 rejects passes if its `Origin` is trusted by name. On an exempt
//!    route, every request passes.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{Csrf, with_csrf};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let csrf = Csrf::same_origin()
//!     .trust_origins(["https://app.example.com"])?
//!     .exempt(["/webhooks/payments"])?;
//! let service = with_csrf(csrf).layer(service_fn(async |_: Request<Full<Bytes>>| {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! }));
//! let post = |site: &str, origin: &str| {
//!     Request::post("/transfer")
//!         .header("host", "api.example.com")
//!         .header("sec-fetch-site", site)
//!         .header("origin", origin)
//!         .body(Full::default())
//! };
//!
//! let own = post("same-origin", "https://api.example.com")?;
//! assert_eq!(service.clone().oneshot(own).await?.status(), 200);
//! let trusted = post("same-site", "https://app.example.com")?;
//! assert_eq!(service.clone().oneshot(trusted).await?.status(), 200);
//!
//! let forged = post("cross-site", "https://evil.example")?;
//! assert_eq!(service.oneshot(forged).await?.status(), 403);
//! # Ok(())
//! # }
//! ```
//!
//! # Example: the origins that CORS names
//!
//! ```
//! # #[cfg(feature = "cors")] {
//! use wythe::{Cors, Csrf, compose, with_cors, with_csrf};
//!
//! let origins = ["https://app.example.com", "https://*.preview.example.com"];
//! let cors = Cors::origins(origins)?.credentials();
//! // `app` may act as its user; a preview may only read.
//! let csrf = Csrf::same_origin().trust_origins(cors.named_origins())?;
//! let stack = compose((with_cors(cors), with_csrf(csrf)));
//! # }
//! # Ok::<(), wythe::ConfigError>(())
//! ```
//!
//! # Which host the request was sent to
//!
//! The host of an absolute target, or of `:authority` in HTTP/2; otherwise that of the only `Host`
//! line (RFC 9112, section 3.2.2). Case and the default port of the origin's scheme are ignored. A
//! trailing dot is not: to browsers, `example.com.` is another host, whose pages may call it, but not
//! `example.com`. A request with an `Origin` but without a host, or with several, is rejected.
//! `X-Forwarded-Host` and `Forwarded` are ignored.
//!
//! Behind a proxy that terminates TLS the scheme is unknown, so without `Sec-Fetch-Site`,
//! `http://example.com` counts as the same origin as `https://example.com`. [`Csrf::own_origins`]
//! lists the origins of the server, including their scheme. Use it also behind a proxy that changes
//! `Host`, especially for `websocket` handshakes: Chromium sends them without `Sec-Fetch-Site`, so the
//! `Origin` decides.
//!
//! # Responses
//!
//! | status | when | problem type |
//! |---|---|---|
//! | 403 | another site sent the request, or a required token is missing or invalid | `about:blank` |
//! | the handler's | otherwise | |
//!
//! The client gets the same answer whatever the reason. The reason is in the log and in the cause of
//! the problem, a [`CsrfRefusal`]. No `Vary` is added: a plain GET is never rejected, and caches do
//! not store a 403 by default.
//!
//! # Order
//!
//! Stage [`Origin`](crate::stage::Origin): inside CORS, so that pages that may read responses can also
//! read refusals, and outside authentication, before credentials take effect. Put the layer around the
//! whole router, so that no route is forgotten; with `Router::layer`, axum still provides the matched
//! route.
//!
//! # Security
//!
//! The layer protects credentials that a browser sends automatically: cookies, HTTP authentication,
//! client certificates, an address in a private network. A request whose only credential is a token
//! that a script puts into `Authorization` can't be forged in the first place.
//!
//! It does not protect against:
//!
//! - **GET requests with side effects.** They pass from everywhere, for example from a link.
//! - **Scripts in your own pages (XSS).** They have the same origin, and can read tokens.
//! - **A trusted origin that is taken over**, for example a forgotten subdomain. Subdomains are
//!   trusted only if they are listed, or if their label matches a pattern such as
//!   `https://app-*.example.com`. If you use patterns, enable the feature `public-suffix`: the
//!   complete Public Suffix List then determines under which domains anyone can register a matching
//!   name.
//! - **Clients other than browsers.** They can send any field, but they do not have a victim's
//!   cookies.
//! - **Reading.** [CORS](crate::Cors) decides who may read a response.
//! - **DNS rebinding.** A page under a name that an attacker points at this server has the same origin
//!   as its requests. Reject unknown `Host` values, in this server or in front of it.
//! - **Plain `http`.** Browsers send `Sec-Fetch-Site` only over `https` and to the local machine.
//!   Otherwise the `Origin` decides, and an attacker on the network can change the page. Use HSTS.
//! - **Proxies that drop `Origin` or set `Sec-Fetch-Site`.** They must forward both unchanged.
//! - **Very old browsers** that send neither field when they submit a form, such as Internet Explorer
//!   and Firefox before 70. Use tokens for them.
//!
//! An exempt route is compared with the [route](crate::RequestHead::route) that the router has
//! matched; without one, with the exact full path of the request. Other paths with the same prefix,
//! other spellings and redirects are not exempt (in Go they were: CVE-2025-47910).
//!
//! # Tokens
//!
//! With the feature `csrf-token`, `CsrfTokens` issues tokens that are bound to one session: the signed
//! double-submit token of the [OWASP cheat sheet], bound to the session id by HMAC-SHA256, with an
//! expiry and key rotation. [`Csrf::fallback_token`] requires a token if a request has no origin,
//! [`Csrf::required_token`] for every checked request. The layer reads the token from a header field;
//! it does not look for one in a form, because it does not read the body. For a form without scripts,
//! exempt the route and verify the token with `CsrfTokens::verify` in the handler, which has parsed
//! the form.
//!
//! # Compared with
//!
//! - Go's `CrossOriginProtection`, and `CsrfLayer` of tower-http 0.7, which follows it, implement
//!   rules 1 to 4 without tokens, let a GET that opens a WebSocket pass, and read only the first line
//!   of a field. Go reads `Origin: http://evil@example.com` as `example.com`
//!   ([#78563](https://github.com/golang/go/issues/78563)); this layer rejects it.
//! - `axum_csrf` gives the handler a token to verify, so a handler that forgets to do so is not
//!   protected. poem does the same, with a default key of 32 zero bytes.
//!
//! [Fetch Metadata]: https://www.w3.org/TR/fetch-metadata/
//! [OWASP cheat sheet]: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html

mod check;
pub(crate) mod policy;
mod refusal;
#[cfg(feature = "csrf-token")]
pub(crate) mod token;

#[cfg(doc)]
use self::policy::Csrf;
pub use self::refusal::CsrfRefusal;
