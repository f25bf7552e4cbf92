//! Serves only the hosts of a list.
//!
//! Every client can send any `Host`. Links in e-mails, redirects and cache keys that are
//! made from it then lead to another site, and a page of another site whose name was changed to the
//! address of the server (DNS rebinding) can call it as if it were its own.
//!
//! 1. The host of a request is the authority of its target, if it has one: `:authority` in HTTP/2 and
//!    HTTP/3, an absolute target in HTTP/1.1. Otherwise it is `Host`.
//! 2. A request without a host, with several `Host` fields, with one that is not a host and a port, or
//!    with a `Host` that differs from the authority, is rejected with 400.
//! 3. A host that matches an element of the list passes. Case does not matter, nor do the default ports.
//! 4. Any other host is rejected with 421.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode, header};
//! use tower::ServiceExt;
//! use wythe::{Hosts, compose, with_hosts};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stack = compose(with_hosts(Hosts::list(["example.com", "*.example.com"])?));
//! let app: Router = Router::new().route("/", get(async || "hello")).layer(stack);
//! let ask = |host: &str| {
//!     let request = Request::get("/").header(header::HOST, host).body(Body::empty());
//!     app.clone().oneshot(request.unwrap())
//! };
//!
//! assert_eq!(ask("www.example.com").await?.status(), StatusCode::OK);
//! assert_eq!(ask("example.com.evil.example").await?.status(), StatusCode::MISDIRECTED_REQUEST);
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | status | when | problem type |
//! |---|---|---|
//! | 421 | the host is not in the list (RFC 9110, section 15.5.20) | `about:blank` |
//! | 400 | there is no valid host, or there are two (RFC 9112, section 3.2; RFC 9113, section 8.3.1) | `about:blank` |
//! | 500 | with [`x_forwarded_host`](Hosts::x_forwarded_host), the address of the peer is not known | `about:blank`; the log says what to do |
//!
//! # Which hosts are the same
//!
//! - Names are compared case-insensitively. A name with a dot at the end is a different name, as it is
//!   for browsers, and is not a valid host here.
//! - Names are ASCII, in requests and in the list: `xn--bcher-kva.example`.
//! - An IPv6 address matches in any spelling. A number such as `2130706433`, which browsers would read as an
//!   IPv4 address, is not a valid host.
//! - Without a port in the list, a request may have none, 80 or 443: a proxy may terminate TLS.
//!
//! # Order
//!
//! Stage [`Entrance`](crate::stage::Entrance), anywhere up to `Admit`: before anything that makes use of the
//! host. Where it stands relative to [`with_cors`](crate::Cors) is up to you:
//!
//! - **Outside** (`compose((with_hosts(hosts), with_cors(cors), ..))`), it checks preflights too: one to
//!   another host gets 421. No script can read that, and no layer that presents refusals changes it.
//! - **Inside**, CORS answers a preflight to any host, and the layer rejects the request that follows. The
//!   refusal can be read by the script, and has the shape of all others.
//!
//! The handler is not reached in either case. List the layer outside if a CORS policy has a closure
//! that reads the host.
//!
//! Health checks often call by address: add the address to the list, or `.except_routes(..)`.
//!
//! # Security
//!
//! - `X-Forwarded-Host` and `Forwarded` are not read, unless
//!   [`x_forwarded_host`](Hosts::x_forwarded_host) says from which proxies. The layer does not remove
//!   them: a handler that reads them must not trust them.
//! - The layer does not change the request. Where a proxy's `X-Forwarded-Host` was checked, `Host` was not.
//! - The scheme of an absolute target is not checked, because this layer does not know the connection:
//!   [`with_https_only`](crate::https_only) rejects `GET https://example.com/ HTTP/1.1` over plain TCP (RFC
//!   9110, section 7.4).
//! - A wildcard covers every subdomain, including one that was given to somebody else.
//!
//! # Compared with
//!
//! - Django's `ALLOWED_HOSTS` answers 400 and drops a dot at the end. Rails' `HostAuthorization` answers 403
//!   and prefers `X-Forwarded-Host` of any peer. ASP.NET Core's host filtering answers 400.
//! - Starlette's `TrustedHostMiddleware` splits `Host` at the first colon, so no IPv6 address matches,
//!   and answers 400.

pub(crate) mod policy;

#[cfg(doc)]
use self::policy::Hosts;
