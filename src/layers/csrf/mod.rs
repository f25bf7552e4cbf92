//! Refuses requests that a page of another site makes a browser send with its user's cookies:
//! cross-site request forgery, found by [Fetch Metadata] and `Origin`.
//!
//! 1. GET, HEAD and OPTIONS pass, unless they open a WebSocket. All that follows is about the
//!    other methods, TRACE and CONNECT too, and about requests whose `Upgrade` holds `websocket`.
//! 2. `Sec-Fetch-Site: same-origin` passes, and so does `none`, which is the user's own doing.
//!    Any other value is refused, `same-site` too.
//! 3. Without `Sec-Fetch-Site`, an `Origin` passes if its host and port are those that the request
//!    was sent to. Any other is refused, `null` too.
//! 4. With neither, the request passes: no browser of today sent it. It can be asked for a token
//!    instead, by [`Csrf::fallback_token`].
//! 5. Several lines of one of the two fields are refused.
//! 6. What 2 or 3 refuse passes if its `Origin` is trusted by name; and whatever is refused passes
//!    on an exempt route.
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
//! // `app` may act as its user; a preview may read, and change nothing.
//! let csrf = Csrf::same_origin().trust_origins(cors.named_origins())?;
//! let stack = compose((with_cors(cors), with_csrf(csrf)));
//! # }
//! # Ok::<(), wythe::ConfigError>(())
//! ```
//!
//! # Which host the request was sent to
//!
//! The target's, if it is absolute, and `:authority` in HTTP/2; else that of the one `Host` line
//! (RFC 9112, section 3.2.2). Case does not count, nor does the default port of the origin's
//! scheme. A dot at the end does: to browsers, `example.com.` is another host, and here it is no
//! origin's. A request with an `Origin` and without a host, or with several, is refused.
//! `X-Forwarded-Host` and `Forwarded` are not read.
//!
//! Behind a proxy that ends TLS the scheme is not known, so `http://example.com` counts as the same
//! origin as `https://example.com` where `Sec-Fetch-Site` is missing. [`Csrf::own_origins`] names
//! what the server is reached by, scheme included; it is also what to use behind a proxy that
//! changes `Host`, above all where a WebSocket is opened: Chromium sends no `Sec-Fetch-Site` with
//! its handshake, so there the `Origin` decides.
//!
//! # Responses
//!
//! | status | when | problem type |
//! |---|---|---|
//! | 403 | another site sent the request, or it lacks a token that it needs | `about:blank` |
//! | the handler's | else | |
//!
//! The client is told the same whatever the reason; the log has it, and so has the problem's cause,
//! a [`CsrfRefusal`]. No `Vary` is added: what is refused is never a plain GET, and caches keep
//! no 403 unless told.
//!
//! # Order
//!
//! Stage [`Origin`](crate::stage::Origin): inside CORS, so that a page which may read its refusals
//! can, and outside authentication, before credentials act. Around a whole router nothing is
//! forgotten; axum tells the layer which route was chosen there too, if it goes in by
//! `Router::layer`.
//!
//! # Security
//!
//! It protects what a browser sends of its own accord: cookies, HTTP authentication, client
//! certificates, an address inside a private network. A request whose only credential is a token
//! that a script puts into `Authorization` can't be forged in the first place.
//!
//! It does not protect from:
//!
//! - **GET requests with side effects.** They pass, from everywhere: a link is one.
//! - **Scripts in your own pages (XSS).** They are the same origin, and can read tokens.
//! - **A trusted origin that is taken over**, a forgotten subdomain for example. Subdomains are not
//!   trusted unless they are named.
//! - **Clients that are no browsers.** They can send any field. They have no cookies of a victim.
//! - **Reading.** Who may read an answer is decided by [CORS](crate::Cors).
//! - **DNS rebinding.** A page at a name that an attacker points at this server is the same origin
//!   as its requests. Refuse a `Host` that is not yours, before or in this server.
//! - **Plain `http`.** Browsers send `Sec-Fetch-Site` to `https` and to this machine only; else the
//!   `Origin` decides, and whoever is between can change the page. Use HSTS.
//! - **Proxies that drop `Origin`, or set `Sec-Fetch-Site`.** Let them pass both on as they came.
//! - **Very old browsers**, which send neither field with a form, such as Internet Explorer and
//!   Firefox before 70. That is what tokens are for.
//!
//! An exempt route is compared with the route that the router has chosen (axum's `MatchedPath`),
//! or else with the path byte for byte as it was sent. No prefix, other spelling or redirect is
//! exempt with it (as it was in Go: CVE-2025-47910).
//!
//! # Tokens
//!
//! With the feature `csrf-token`, `CsrfTokens` issues tokens that belong to one session: the
//! signed double-submit token of the [OWASP cheat sheet], bound by HMAC-SHA256 to the session's id,
//! with an expiry and several keys. [`Csrf::fallback_token`] asks for one where a request says
//! nothing of its origin, [`Csrf::required_token`] with every request that is checked. The layer
//! verifies it, from a header field; a token in a form is not read, because that would mean to
//! read the body. For a form without scripts, exempt the route and verify the token in its handler,
//! which has parsed the form, with `CsrfTokens::verify`.
//!
//! # Compared with
//!
//! - Go's `CrossOriginProtection`, and tower-http 0.7's `CsrfLayer` after it, have the same rules 1
//!   to 4 without tokens, let a GET that opens a WebSocket pass, and look at the first line of a
//!   field only. Go reads `Origin: http://evil@example.com` as `example.com`
//!   ([#78563](https://github.com/golang/go/issues/78563)); here it is no origin.
//! - `axum_csrf` gives the handler a token to verify, and who forgets it is not protected. poem
//!   does too, with a default key of 32 zero bytes.
//!
//! [Fetch Metadata]: https://www.w3.org/TR/fetch-metadata/
//! [OWASP cheat sheet]: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html

mod check;
mod exempt;
mod host;
mod policy;
mod refusal;
#[cfg(feature = "csrf-token")]
mod token;

use std::borrow::Cow;

use http::{Request, StatusCode};

use self::check::Asked;
#[cfg(feature = "csrf-token")]
pub use self::token::{CsrfToken, CsrfTokens};
pub use self::{policy::Csrf, refusal::CsrfRefusal};
use crate::{
    contract::{Description, Later, Middleware, Place, Step, With, stage, with},
    wire::ConfigError,
};

/// Refuses requests that a page of another site makes a browser send.
///
/// The page of [`csrf`](self) says what passes and what is refused.
///
/// # Example
///
/// ```
/// use wythe::{Csrf, with_csrf};
///
/// let layer = with_csrf(Csrf::same_origin());
/// ```
pub const fn with_csrf(csrf: Csrf) -> With<Csrf> {
    with(csrf)
}

impl Place for Csrf {
    type Stage = stage::Origin;
    type Provides = ();
    type Needs = ();

    fn describe(&self) -> Description {
        let layer = Description::new("with_csrf")
            .answers(StatusCode::FORBIDDEN, "when a page of another site sent it");
        #[cfg(feature = "csrf-token")]
        if let Some(guard) = &self.0.guard {
            return guard.describe(layer);
        }
        layer
    }
}

impl<B> Middleware<B> for Csrf {
    type Carry = ();

    fn name(&self) -> &'static str {
        "with_csrf"
    }

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        let policy = &*self.0;
        let asked = Asked {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
        };
        let passed = asked.check(policy);
        #[cfg(feature = "csrf-token")]
        let (request, passed) = match &policy.guard {
            Some(guard) => guard.ask(request, passed),
            None => (request, passed),
        };
        match passed {
            Err(reason) if !policy.exempt.holds(request.uri(), request.extensions()) => {
                Step::reply(reason.problem())
            }
            _ => Step::next(request, ()),
        }
    }
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Csrf", message)
}
