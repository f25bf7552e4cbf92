//! Lets only requests with valid credentials pass, and hands the handler [`Auth`](crate::Auth).
//!
//! 1. A request passes if the scheme verifies its credentials. The handler may ask for
//!    `Auth<Principal>`, and inner layers find [`Authenticated`](crate::Authenticated) in the request's
//!    extensions.
//! 2. A request without credentials is answered 401 with the scheme's challenge. After
//!    [`optional`](crate::With::optional) it passes instead.
//! 3. A request with invalid credentials is answered 401, and one with malformed credentials 400, even
//!    if credentials are optional. The exception is an invalid cookie: where credentials are optional,
//!    it counts as no credentials, because browsers send cookies automatically. See
//!    [`optional`](crate::With::optional).
//! 4. If the scheme cannot check the credentials, for example because its store is down, the answer is
//!    503, never 401.
//!
//! The scheme is `Jwt`, `ApiKey`, `Basic` or `Sessions`, each behind its own feature, or your own: see
//! [`Authenticate`]. [`or`](Authenticate::or) combines two schemes with the same principal, and
//! [`either`](Authenticate::either) two with different principals; [`map`](Authenticate::map) and
//! [`and_then`](Authenticate::and_then) change the principal. A 401 from a combined scheme carries the
//! challenges of both. If the two challenges differ only in their realm, such as two `Bearer`
//! challenges, it carries one: that of the scheme that refused the request, or of the first scheme if
//! there were no credentials. [`SecurityScheme`](crate::description::SecurityScheme) shows how your
//! own scheme describes itself.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::Bytes;
//! use http::{HeaderValue, Request, Response, StatusCode, request::Parts};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{Auth, Later, auth::{Authenticate, Verdict}, with_auth};
//!
//! #[derive(Clone)]
//! struct Staff;
//!
//! struct Badge;
//!
//! impl Authenticate for Badge {
//!     type Principal = Staff;
//!
//!     fn challenge(&self) -> HeaderValue {
//!         HeaderValue::from_static(r#"Badge realm="office""#)
//!     }
//!
//!     fn authenticate(&self, head: &Parts) -> Later<Verdict<Staff>> {
//!         Later::Ready(match head.headers.get("badge") {
//!             None => Verdict::Missing,
//!             Some(badge) if badge == "7" => Verdict::Verified(Staff),
//!             Some(_) => Verdict::refused("no such badge"),
//!         })
//!     }
//! }
//!
//! let service = with_auth(Badge).layer(service_fn(|request: Request<Full<Bytes>>| async move {
//!     assert!(request.extensions().get::<Auth<Staff>>().is_some());
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("welcome")))
//! }));
//!
//! let request = Request::get("/").header("badge", "7").body(Full::default())?;
//! assert_eq!(service.clone().oneshot(request).await?.status(), StatusCode::OK);
//!
//! let request = Request::get("/").header("badge", "8").body(Full::default())?;
//! let response = service.oneshot(request).await?;
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(response.headers()["www-authenticate"], r#"Badge realm="office""#);
//! # Ok(()) }
//! ```
//!
//! # Responses
//!
//! | status | when | headers |
//! |---|---|---|
//! | 400 | the credentials are malformed | `WWW-Authenticate`, if the scheme says so |
//! | 401 | no credentials, or invalid ones | `WWW-Authenticate` |
//! | 503 | the credentials cannot be checked | |
//!
//! # Order
//!
//! Stage [`Authenticate`](crate::stage::Authenticate): inside CORS, because browsers could not read
//! the 401 otherwise, and inside the method guard; outside everything that needs the principal.
//!
//! # Security
//!
//! The scheme's reason for a refusal is logged, but not sent to the client. The principal is cloned
//! for the handler: keep secrets out of it.
//!
//! # Compared with
//!
//! tower-http's `validate_request` refuses bearer tokens without a challenge and compares them with
//! `==`. axum-login answers a failure of its store as if the user were forbidden.
#![cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        unused_imports,
        reason = "each scheme uses some of it; a build with all features finds what none uses"
    )
)]

#[cfg(feature = "api-key")]
pub(crate) mod api_key;
#[cfg(feature = "basic")]
pub(crate) mod basic;
#[cfg(feature = "jwt")]
pub(crate) mod jwt;
pub(crate) mod layer;
mod response_fields;
mod scheme;
#[cfg(feature = "session")]
pub(crate) mod session;

use http::{
    HeaderName,
    header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION},
};

#[cfg(feature = "api-key")]
pub use self::api_key::{ApiKeyFormat, ApiKeyHash, ApiKeyRefusal, GeneratedKey};
#[cfg(feature = "basic")]
pub use self::basic::BasicRefusal;
#[cfg(feature = "basic-bcrypt")]
pub use self::basic::HashUpgrade;
#[cfg(feature = "jwks")]
pub use self::jwt::{FetchKeys, Fetched, HttpsTransport, JwksError, JwksStatus};
#[cfg(feature = "jwt")]
pub use self::jwt::{JwtAlgorithm, JwtRefusal};
#[cfg(feature = "session")]
pub use self::session::{
    MemorySessions, SessionId, SessionKey, SessionOwner, SessionRecord, SessionRefusal,
    SessionStore, SessionStoreError, SessionsByOwner, Stored,
};
#[cfg(feature = "session-redis")]
pub use self::session::{RedisSessions, RedisSessionsMetrics};
pub use self::{
    layer::{Authentication, OptionalAuthentication},
    scheme::{
        AndThen, Authenticate, Details, EitherOf, Granting, Map, Or, Outcome, Refusal, Verdict,
    },
};
use crate::wire::ConfigError;

/// The reason code of a 403 whose challenge lists the scopes that would be enough, as named in RFC
/// 6750, section 3.1.
pub(in crate::layers) const INSUFFICIENT_SCOPE: &str = "insufficient_scope";

/// The name of a field that contains a credential and nothing else, for this policy. Names of fields
/// with their own syntax are rejected; `instead` says what to use for them.
fn credential_header(
    policy: &'static str,
    name: &str,
    instead: &'static str,
) -> Result<HeaderName, ConfigError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|source| {
        ConfigError::new(policy, "the name is not a valid field name").because(source)
    })?;
    if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(&name) {
        return Err(ConfigError::new(policy, instead));
    }
    Ok(name)
}
