//! Verifies JSON Web Tokens: [`Jwt`].

mod cache;
mod claims;
#[cfg(feature = "jwks")]
mod jwks;
mod jws;
mod keys;
mod options;
mod refusal;
mod single_pass;
mod token_source;
mod verify;

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;

pub use cache::TokenCache;
#[cfg(feature = "jwks")]
pub use jwks::{FetchKeys, Fetched, HttpsTransport, Jwks, JwksError, JwksStatus};
pub use keys::{JwtAlgorithm, JwtKey};
pub use options::JwtIssuer;
pub use refusal::JwtRefusal;

use self::{
    claims::IssuerClaims,
    verify::{Issuer, KeySource, TokenVerifier},
};
use crate::wire::ConfigError;

/// Verifies a JSON Web Token (RFC 7519) and reads its claims as `C`: a scheme for
/// [`with_auth`](crate::with_auth).
///
/// The token is read from `Authorization: Bearer` (RFC 6750) or [another scheme](Self::scheme), from a
/// [custom header](Self::header), or from a [`cookie`](Self::cookie); never from the query or a form,
/// because queries end up in logs (RFC 6750, section 5.3). A token passes if all of these conditions
/// hold:
///
/// 1. it is the only token of the request, and at most 8 KiB long ([`max_length`](Self::max_length));
/// 2. it is a JWS in compact serialization, each part is canonical base64url, and its header has no
///    `crit`;
/// 3. its `typ` is missing, `JWT` or `at+jwt`, or one of the [types](Self::token_type) that you
///    accept instead: a token for another use is not an access token (RFC 8725, section 3.11);
/// 4. there is a key for its `alg`, and for its `kid` if it has one and the keys have ids; with
///    several [`issuers`](Self::issuers), only the keys of the issuer in its `iss` are used;
/// 5. its signature is valid;
/// 6. `exp` is present and in the future; `nbf` has passed, or is at most 10 seconds away
///    ([`leeway`](Self::leeway)); and the token is not older than [`max_age`](Self::max_age), if
///    that is set;
/// 7. if they are configured, `iss` and `aud` are present and accepted; if no audience is configured,
///    a token with an `aud` is refused, because it is meant for another service (RFC 7519, section
///    4.1.3);
/// 8. the [required claims](Self::required_claims) are present;
/// 9. the claims can be deserialized as `C`, and your own [checks](Self::check) pass.
///
/// A token that was verified before is found in a [`TokenCache`]; your own checks still run for every
/// request.
///
/// # Issuer, audience and type
///
/// | | configured | not configured |
/// |---|---|---|
/// | `iss` | must be present and one of the names | is not checked: any holder of the keys is the issuer |
/// | `aud` | must be present and contain one of the names | must be absent |
/// | `typ` | must be present and one of the types | must be absent, `JWT` or `at+jwt` |
///
/// With a secret that only your own services share, the key already determines issuer and audience. An
/// identity provider signs tokens for many services: configure the issuer and your audience; otherwise
/// any of its users can present a token that was issued for another service (RFC 8725, sections 3.8
/// and 3.9). Keys of [`issuers`](Self::issuers) are always tied to the issuer's name.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
/// use serde::{Deserialize, Serialize};
/// use tower::{Layer, ServiceExt, service_fn};
/// use wythe::{Auth, Jwt, with_auth};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Claims {
///     sub: String,
///     exp: u64,
/// }
///
/// let secret = b"32 bytes from a random generator";
/// let service = with_auth(Jwt::<Claims>::hs256(secret)?)
///     .layer(service_fn(|request: Request<Full<Bytes>>| async move {
///         let Auth(claims) = request.extensions().get::<Auth<Claims>>().cloned().unwrap();
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(claims.sub)))
///     }));
///
/// let claims = Claims { sub: "ann".to_owned(), exp: get_current_timestamp() + 60 };
/// let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(secret))?;
/// let request = Request::get("/").header("authorization", format!("Bearer {token}"));
/// let response = service.clone().oneshot(request.body(Full::default())?).await?;
/// assert_eq!(response.status(), StatusCode::OK);
///
/// let response = service.oneshot(Request::get("/").body(Full::default())?).await?;
/// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="api""#);
/// # Ok(()) }
/// ```
///
/// # Responses
///
/// | status | when | `WWW-Authenticate` |
/// |---|---|---|
/// | 400 | no token after `Bearer`, or several tokens | `Bearer realm="api", error="invalid_request", error_description=".."` |
/// | 401 | no token | `Bearer realm="api"` |
/// | 401 | any other token that does not pass | `Bearer realm="api", error="invalid_token", error_description=".."` |
/// | 503 | the keys have to be fetched (`jwks`), and that fails | |
///
/// The cause of the `Problem` is a [`JwtRefusal`].
///
/// Behind [`optional`](crate::With::optional), a token in a [`cookie`](Self::cookie) that does not
/// pass counts as no token, and so do several cookies with that name: a browser sends them even to the
/// sign-in page. A token in `Authorization` or in a custom header, which a client adds explicitly, is
/// refused as above.
///
/// # Security
///
/// The layer protects against tokens that are forged, altered, or signed for another use, and against
/// attempts to make the verifier use another algorithm or key: `alg` is only compared with that of the
/// key, and keys and key URLs in a header (`jwk`, `jku`, `x5c`, `x5u`) are ignored. It does not
/// protect against these threats:
///
/// - Theft. Anyone who has the token can use it: send it only over TLS, keep it out of logs, and keep
///   `exp` short.
/// - Replay. A token can be sent any number of times until it expires.
/// - Revocation and logout. A token is valid until it expires, whatever happens to its user: a logout
///   that removes the cookie does not end the token. A [`check`](Self::check) runs for every request,
///   and can look up revoked tokens or users in memory.
/// - Forged requests. A browser sends the token in a cookie with every request, including those caused
///   by other sites: set `SameSite`, `HttpOnly` and `Secure`, put `with_csrf` before this layer, and
///   name the cookie `__Host-..`, so that a sibling domain can't add a second one, which would be
///   answered with 400. After a change of the cookie's domain or path, browsers send the old one as
///   well: remove it when you set the new one, with the [`removal`](crate::SetCookie::removal) of a
///   cookie that has the old attributes.
/// - Disclosure. The claims are signed, not encrypted.
/// - A misconfigured proxy. If the proxy passes the token in a [custom header](Self::header), it must
///   remove that header from client requests; the signature is verified in any case.
///
/// No request causes a fetch, unless you use [`jwks`](Self::jwks). Signatures are verified by
/// `aws-lc-rs` (feature `jwt-aws-lc`, a default) or by `RustCrypto` (`jwt-rust-crypto`), and HMAC by
/// `hmac` and `sha2`. With both features, `aws-lc-rs` is used, which is faster; with neither, only
/// HMAC is supported. The crypto providers of `jsonwebtoken` are not used, so a program may install
/// any of them.
///
/// # Compared with
///
/// By default, `jsonwebtoken::decode` accepts a token without the expected issuer or audience, before
/// its `nbf`, and with an empty secret, and allows a minute of leeway; with none or two of its
/// backends it panics at the first token. It is well suited to signing tokens for this verifier,
/// except for `ES512`, which it does not support.
#[must_use]
pub struct Jwt<C> {
    verifier: Arc<TokenVerifier>,
    checks: Vec<ClaimCheck<C>>,
    cache: Option<TokenCache<C>>,
}

type ClaimCheck<C> = Arc<dyn Fn(&C) -> Result<(), JwtRefusal> + Send + Sync>;

impl<C: DeserializeOwned + Clone + Send + Sync + 'static> Jwt<C> {
    /// Accepts tokens signed with HS256 and this secret of at least 32 random bytes.
    ///
    /// # Errors
    ///
    /// If the secret is shorter, is one byte repeated, or is a key in PEM or a JWK.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::keys([JwtKey::hs256(secret)?])
    }

    /// Accepts tokens signed with any of these keys, each for its own algorithm.
    ///
    /// A token with a `kid` is verified with the keys that have this id or, if there are none, with
    /// the keys that have no id. A token without `kid` is verified with all keys of its algorithm.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{ConfigError, Jwt, JwtKey, auth::JwtAlgorithm};
    /// # #[derive(Clone, serde::Deserialize)] struct Claims;
    ///
    /// fn jwt(pem: &[u8]) -> Result<Jwt<Claims>, ConfigError> {
    ///     Jwt::keys([JwtKey::pem(JwtAlgorithm::RS256, pem)?])
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If the list is empty, has more than 32 keys, or has two with the same id and algorithm.
    pub fn keys(keys: impl IntoIterator<Item = JwtKey>) -> Result<Self, ConfigError> {
        let keys = KeySource::Fixed(Arc::new(JwtKey::set(keys)?));
        Self::of_any_issuer(keys)
    }

    /// Accepts tokens of several issuers, each signed with the issuer's own keys.
    ///
    /// The token's `iss` must be one of these names, and selects the keys: a key of one issuer never
    /// verifies a token that names another.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Jwt, JwtIssuer, JwtKey};
    /// # #[derive(Clone, serde::Deserialize)] struct Claims;
    /// # let (ours, theirs) = ("a secret of 32 bytes or of more ..", "another secret of 32 bytes or more");
    ///
    /// let jwt = Jwt::<Claims>::issuers([
    ///     JwtIssuer::new("https://id.example.com", [JwtKey::hs256(ours)?])?,
    ///     JwtIssuer::new("https://partner.example", [JwtKey::hs256(theirs)?])?.audience("client-7"),
    /// ])?
    /// .audience("api");
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the list is empty, or contains an issuer twice.
    pub fn issuers(issuers: impl IntoIterator<Item = JwtIssuer>) -> Result<Self, ConfigError> {
        Self::of_issuers(JwtIssuer::list(issuers.into_iter().collect())?)
    }

    /// Accepts tokens signed with a key of an identity provider, which is fetched from the provider.
    /// If the keys are [discovered](Jwks::discover) by the issuer's name, `iss` must be that name.
    ///
    /// # Errors
    ///
    /// If the system's certificate authorities are needed for TLS and can't be loaded.
    #[cfg(feature = "jwks")]
    pub fn jwks(keys: Jwks) -> Result<Self, ConfigError> {
        if keys.issuer().is_some() {
            return Self::issuers([JwtIssuer::discovered(keys)?]);
        }
        keys.open()?;
        Self::of_any_issuer(KeySource::Jwks(keys))
    }
}

impl<C> Jwt<C> {
    fn of_any_issuer(keys: KeySource) -> Result<Self, ConfigError> {
        let claims = IssuerClaims::default();
        Self::of_issuers(vec![Issuer { claims, keys }])
    }

    fn of_issuers(issuers: Vec<Issuer>) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Arc::new(TokenVerifier::new(issuers)?),
            checks: Vec::new(),
            cache: Some(TokenCache::default()),
        })
    }

    fn change(self, change: impl FnOnce(&mut TokenVerifier)) -> Self {
        let mut jwt = self;
        let verifier = Arc::make_mut(&mut jwt.verifier);
        change(verifier);
        verifier.revise();
        jwt
    }

    fn try_change(
        self,
        change: impl FnOnce(&mut TokenVerifier) -> Result<(), ConfigError>,
    ) -> Result<Self, ConfigError> {
        let mut outcome = Ok(());
        let jwt = self.change(|verifier| outcome = change(verifier));
        outcome.map(|()| jwt)
    }
}

impl<C> Clone for Jwt<C> {
    fn clone(&self) -> Self {
        Self {
            verifier: Arc::clone(&self.verifier),
            checks: self.checks.clone(),
            cache: self.cache.clone(),
        }
    }
}

impl<C> fmt::Debug for Jwt<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verifier = &*self.verifier;
        f.debug_struct("Jwt")
            .field("issuers", &verifier.issuers)
            .field("rules", &verifier.rules)
            .field("types", &verifier.types)
            .field("source", &verifier.source)
            .field("max_length", &verifier.max_length)
            .field("checks", &self.checks.len())
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
