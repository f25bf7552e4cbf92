//! Sets fields that tell browsers what a response may do.
//!
//! 1. Every response gets the fields of the policy, including refusals, and 404 and 405 in an
//!    [`Api`](crate::Api).
//! 2. A field that the handler has set itself is not changed. So one handler, or a stack further in,
//!    can have a policy of its own.
//! 3. `Strict-Transport-Security` is sent only if the request came over TLS. Where that can't be known,
//!    because the server does not provide the address of the peer, the log says so once.
//! 4. No request is rejected. If a policy has a nonce and the operating system has no random bytes, the
//!    answer is 500.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, response::Html, routing::get};
//! use http::Request;
//! use tower::ServiceExt;
//! use wythe::{CspNonce, SecurityHeaders, compose, with_security_headers};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async fn page(nonce: CspNonce) -> Html<String> {
//!     Html(format!("<script nonce=\"{nonce}\">console.log('hello')</script>"))
//! }
//!
//! let policy = SecurityHeaders::html_policy().script_nonce();
//! let html = SecurityHeaders::html().content_security_policy(&policy)?;
//! let stack = compose(with_security_headers(html));
//! let app: Router = Router::new().route("/", get(stack.handler(page)));
//!
//! let response = app.oneshot(Request::new(Body::empty())).await?;
//! let headers = response.headers();
//! assert!(headers["content-security-policy"].to_str()?.contains("script-src 'nonce-"));
//! assert_eq!(headers["x-content-type-options"], "nosniff");
//! assert_eq!(headers["x-frame-options"], "DENY");
//! # Ok(())
//! # }
//! ```
//!
//! # The fields
//!
//! The values are those of the [OWASP HTTP headers cheat sheet], of the [OWASP REST cheat sheet] and of
//! [Helmet], with these differences.
//!
//! | field | [`api`](SecurityHeaders::api) | [`html`](SecurityHeaders::html) | because |
//! |---|---|---|---|
//! | `Content-Security-Policy` | `'none'` for everything | own origin, no inline code, no frames | OWASP asks for `frame-ancestors 'none'` in an API; `default-src 'none'` costs nothing there and stops a response that is shown as a page. Helmet's default allows inline styles and fonts and styles of all of `https:` |
//! | `X-Frame-Options` | `DENY` | `DENY` | OWASP's value; for browsers without `frame-ancestors`, from which it is derived. Helmet: `SAMEORIGIN` |
//! | `X-Content-Type-Options` | `nosniff` | `nosniff` | both |
//! | `Referrer-Policy` | `no-referrer` | `strict-origin-when-cross-origin` | the first is Helmet's, the second OWASP's: some sites need the origin of a form |
//! | `Cross-Origin-Resource-Policy` | `same-origin` | `same-origin` | Helmet's value; OWASP's `same-site` trusts every subdomain. `fetch` with CORS is not affected |
//! | `Cross-Origin-Opener-Policy` | | `same-origin` | both; it only has a meaning for pages. A sign-in in a popup of another site needs `same-origin-allow-popups` |
//! | `Cross-Origin-Embedder-Policy` | | | OWASP has `require-corp`; it blocks what other sites embed without consent, so it is a choice. Helmet leaves it out too |
//! | `Permissions-Policy` | | five features denied | OWASP's idea; Helmet leaves it out. Browsers ask the user for these anyway; this prevents the question |
//! | `Strict-Transport-Security` | if set | if set | it can't be undone soon, and only the application knows whether all of the host has TLS: see [`hsts`](SecurityHeaders::hsts). Helmet sends it always, for a year |
//! | `X-XSS-Protection` | | | OWASP: leave it out, or `0`; browsers have removed what it controls |
//! | `Origin-Agent-Cluster`, `X-DNS-Prefetch-Control`, `X-Download-Options`, `X-Permitted-Cross-Domain-Policies` | | | Helmet only. The last two are for products that are gone |
//! | `Cache-Control` | | | OWASP's `no-store` for APIs is [`with_cache_control`](crate::CacheControl)'s |
//!
//! [OWASP HTTP headers cheat sheet]: https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
//! [OWASP REST cheat sheet]: https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html
//! [Helmet]: https://helmetjs.github.io
//!
//! # Nonces
//!
//! With [`script_nonce`](ContentSecurityPolicy::script_nonce) or
//! [`style_nonce`](ContentSecurityPolicy::style_nonce), each request has a nonce of 128 random bits, which the
//! handler takes as [`CspNonce`](crate::CspNonce) and prints into its elements. A page with a nonce must not be
//! stored: use [`CacheControl::no_store`](crate::CacheControl).
//!
//! A 304 has no policy with a nonce: the elements of the page that the client has stored have another.
//!
//! All values are rendered once, when the policy is built. Only a policy with a nonce is put together for
//! each response.
//!
//! # Responses
//!
//! | status | when | problem type |
//! |---|---|---|
//! | 500 | the policy has a nonce, and there are no random bytes | `about:blank` |
//! | the handler's | otherwise | |
//!
//! # Order
//!
//! Stage [`Present`](crate::stage::Present): outside everything that answers, and around the whole
//! application. One stack may have two of these layers, each with `.only_routes(..)` or a condition:
//! the inner one sets its fields first, and the outer one adds what is missing.
//!
//! # Security
//!
//! - The fields help only in browsers, and they limit the damage of a mistake. Text of users must still be
//!   escaped.
//! - A handler that sets `Content-Security-Policy` replaces the whole policy of the layer.
//! - `frame-ancestors` with origins has no equivalent in `X-Frame-Options`, which is then not sent.
//!
//! # Compared with
//!
//! - `tower-http`'s `SetResponseHeaderLayer` sets one field, as unchecked text, and each field needs a
//!   layer.
//! - Helmet sends 13 fields, including `Strict-Transport-Security` over plain `http`, and has no nonces
//!   of its own. Its policy is checked for commas and semicolons; here, sources and directives are
//!   typed.
//! - Rails and Django have nonces, and policies as text.

pub(crate) mod csp;
mod fields;
pub(crate) mod policy;

#[cfg(doc)]
use self::policy::SecurityHeaders;
pub use self::{
    csp::{ContentSecurityPolicy, NoNonce, NoncePerRequest, NonceUse, Source},
    fields::{
        EmbedderPolicy, Hsts, OpenerPolicy, PermissionsPolicy, ReferrerPolicy, ResourcePolicy,
    },
    policy::Noted,
};
