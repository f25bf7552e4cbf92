//! Verifies JSON Web Tokens: [`Jwt`].

mod audience;
mod cache;
mod check;
mod claims;
mod date;
mod header;
mod issuer;
mod jwk;
#[cfg(feature = "jwks")]
mod jwks;
mod key;
mod key_set;
mod key_source;
mod once;
mod options;
mod pem;
mod refusal;
mod required;
mod rules;
mod scalar;
mod settings;
mod source;
mod text;
mod token;
mod verifier;

use std::{fmt, sync::Arc};

use http::{HeaderValue, StatusCode, request::Parts};
use jsonwebtoken::{Algorithm, jwk::Jwk};
use serde::de::DeserializeOwned;

pub use cache::TokenCache;
pub use issuer::JwtIssuer;
#[cfg(feature = "jwks")]
pub use jwks::{FetchKeys, Fetched, HttpsTransport, Jwks, JwksError, JwksStatus};
pub use key::JwtKey;
pub use refusal::JwtRefusal;

use self::{
    cache::Revision,
    check::Checks,
    issuer::Issuer,
    key_set::KeySet,
    key_source::{KeySource, Stop},
    settings::Settings,
};
use super::{Authenticate, Verdict};
use crate::{contract::Description, wire::ConfigError};

/// Verifies a JSON Web Token (RFC 7519) and reads its claims as `C`: a scheme for
/// [`with_auth`](crate::with_auth).
///
/// The token comes as `Authorization: Bearer` (RFC 6750), in a [field](Self::header) of its own, or
/// in a [`cookie`](Self::cookie). One in the query or in a form is never read: a query lands in
/// logs (RFC 6750, section 5.3). The token passes if all of this holds:
///
/// 1. it is the only token of the request, and at most 8 KiB long ([`max_length`](Self::max_length));
/// 2. it is a JWS in compact form, each part in canonical base64url, with nothing critical in its
///    header that would have to be understood;
/// 3. its `typ` is missing, `JWT` or `at+jwt`, or else the one that you
///    [name](Self::token_type): a token for another use is none for access (RFC 8725, section 3.11);
/// 4. there is a key of its `alg`, and of its `kid` if it names one and keys have ids; of several
///    [`issuers`](Self::issuers), only the keys of the one that its `iss` names count;
/// 5. it is signed with that key;
/// 6. its `exp` is there and has not come, its `nbf` has ([`leeway`](Self::leeway)), and it is not
///    older than it may be, if you say so ([`max_age`](Self::max_age));
/// 7. its `iss` and `aud` are there and among those that you name; an `aud` where you name none is
///    refused, for the token is meant for somebody else (RFC 7519, section 4.1.3);
/// 8. the [claims](Self::required_claims) that you require are there;
/// 9. the claims can be read as `C`, and your own [checks](Self::check) pass.
///
/// A token that was verified before is looked up instead ([`TokenCache`]); your own checks are made
/// all the same.
///
/// # Names
///
/// What you name is required, and what you do not name is missing or refused:
///
/// | | named | not named |
/// |---|---|---|
/// | `iss` | it must be there and be one of the names | not looked at: whoever has the one set of keys is the issuer |
/// | `aud` | it must be there and hold one of the names | it must not be there |
/// | `typ` | it must be there and be one of the names | nothing, `JWT` or `at+jwt` |
///
/// A secret that only your own services share says by itself whose the tokens are, and whom they
/// are for. An identity provider signs for many: name it and yourself, or any of its users can
/// bring a token that it gave them for something else (RFC 8725, sections 3.8 and 3.9). Keys of
/// [`issuers`](Self::issuers) can't be given without the issuer's name.
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
/// | 503 | the keys are fetched (`jwks`), and can't be had | |
///
/// The cause of the `Problem` is a [`JwtRefusal`].
///
/// # Security
///
/// It protects from tokens that were made up, changed, or signed for another use, and from the
/// ways to talk a verifier into another algorithm or key: `alg` is only ever compared with that of
/// the key, and keys and addresses of keys in a header (`jwk`, `jku`, `x5c`, `x5u`) are not looked
/// at. It does not protect from these:
///
/// - Theft. Whoever has the token is taken for whom it names: send it over TLS alone, keep it from
///   logs, and keep `exp` short.
/// - Replay. A token passes as often as it is sent, until it expires.
/// - Revocation and logout. A token is valid until it expires, whatever happens to its user: a
///   logout that takes the cookie away leaves the token as it was. A [`check`](Self::check) is
///   asked about each request, and may look up in memory which tokens or users are revoked.
/// - Forged requests. A token in a cookie is sent by the browser unasked, from other sites too: set
///   it `SameSite`, `HttpOnly` and `Secure`, put `with_csrf` before it, and name it `__Host-..`, so
///   that no neighbouring domain can plant a second one, which would be answered 400.
/// - Readers. The claims are signed, not secret.
/// - A proxy that forgets. A field of its own is only as good as the proxy in front, which must
///   take away what clients put there; the signature is checked all the same.
///
/// No request makes it fetch anything, unless its keys are to be fetched. Signatures are checked by
/// `aws-lc-rs`, and HMAC by `hmac` and `sha2`: a program needs none of `jsonwebtoken`'s providers
/// here, and may install any.
///
/// # Compared with
///
/// `jsonwebtoken::decode` by default accepts a token without the issuer or audience that was
/// meant, before its `nbf`, and with an empty secret, and allows a minute of leeway; with none or
/// two of its backends it panics at the first token. Tokens are best signed with it, though: the
/// claims and headers are the same. It knows no `ES512` (P-521), and so there is none here.
#[must_use]
pub struct Jwt<C> {
    settings: Arc<Settings>,
    checks: Checks<C>,
    cache: Option<TokenCache<C>>,
}

/// Declares a constructor for each algorithm with a public key.
macro_rules! from_pem {
    ($($name:ident $algorithm:ident $what:literal,)*) => {$(
        #[doc = concat!("Tokens signed with `", stringify!($algorithm), "`: ", $what, ".")]
        ///
        /// # Errors
        ///
        /// If the PEM is not a public key for this algorithm.
        pub fn $name(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
            Self::keys([JwtKey::pem(Algorithm::$algorithm, pem)?])
        }
    )*};
}

impl<C> Jwt<C> {
    /// Tokens signed with `HS256`: a secret of 32 bytes or more, from a random generator.
    ///
    /// # Errors
    ///
    /// If the secret is shorter, one byte repeated, or a PEM.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::keys([JwtKey::hs256(secret)?])
    }

    /// Tokens signed with `HS384`: a secret of 48 bytes or more.
    ///
    /// # Errors
    ///
    /// If the secret is shorter, one byte repeated, or a PEM.
    pub fn hs384(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::keys([JwtKey::hs384(secret)?])
    }

    /// Tokens signed with `HS512`: a secret of 64 bytes or more.
    ///
    /// # Errors
    ///
    /// If the secret is shorter, one byte repeated, or a PEM.
    pub fn hs512(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::keys([JwtKey::hs512(secret)?])
    }

    from_pem! {
        rs256_pem RS256 "an RSA public key in PEM",
        rs384_pem RS384 "an RSA public key in PEM",
        rs512_pem RS512 "an RSA public key in PEM",
        ps256_pem PS256 "an RSA public key in PEM",
        ps384_pem PS384 "an RSA public key in PEM",
        ps512_pem PS512 "an RSA public key in PEM",
        es256_pem ES256 "a public key on the curve P-256 in PEM",
        es384_pem ES384 "a public key on the curve P-384 in PEM",
        eddsa_pem EdDSA "an Ed25519 public key in PEM",
    }

    /// Tokens of one algorithm, signed with the key of a JWK.
    ///
    /// # Errors
    ///
    /// If the JWK is not a key for this algorithm.
    pub fn jwk(algorithm: Algorithm, jwk: &Jwk) -> Result<Self, ConfigError> {
        Self::keys([JwtKey::jwk(algorithm, jwk)?])
    }

    /// Tokens signed with any of several keys, each for its own algorithm.
    ///
    /// A token with a `kid` is checked with the key of that id, or else with the keys that have no
    /// id; one without `kid` is checked with all keys of its algorithm.
    ///
    /// # Errors
    ///
    /// If there is no key, more than 32, or two of the same id and algorithm.
    pub fn keys(keys: impl IntoIterator<Item = JwtKey>) -> Result<Self, ConfigError> {
        let keys = KeySet::new(keys.into_iter().collect())?;
        Self::signed_by(vec![Issuer::unnamed(KeySource::Fixed(Arc::new(keys)))])
    }

    /// Tokens of several issuers, each signed with keys of its own.
    ///
    /// The token's `iss` says whose keys count, and must be one of these names: a key of one
    /// issuer never verifies a token that says it is another's.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Jwt, JwtIssuer, JwtKey};
    /// # struct Claims;
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
    /// If there is no issuer, or one twice.
    pub fn issuers(issuers: impl IntoIterator<Item = JwtIssuer>) -> Result<Self, ConfigError> {
        Self::signed_by(issuer::list(issuers.into_iter().collect())?)
    }

    fn signed_by(issuers: Vec<Issuer>) -> Result<Self, ConfigError> {
        Ok(Self {
            settings: Arc::new(Settings::new(issuers)?),
            checks: Checks::default(),
            cache: Some(TokenCache::default()),
        })
    }

    /// Tokens signed with a key of an identity provider, fetched from it. If the keys were found by
    /// the issuer's name, `iss` must name it.
    ///
    /// # Errors
    ///
    /// If the certificate authorities of the system are needed for TLS and can't be loaded.
    #[cfg(feature = "jwks")]
    pub fn jwks(keys: Jwks) -> Result<Self, ConfigError> {
        if keys.issuer().is_some() {
            return Self::issuers([JwtIssuer::discovered(keys)?]);
        }
        keys.open()?;
        Self::signed_by(vec![Issuer::unnamed(KeySource::Jwks(keys))])
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        let settings = Arc::make_mut(&mut self.settings);
        change(settings);
        // What was verified under the old settings says nothing of the new ones.
        settings.revision = Revision::next();
        self
    }
}

impl<C: DeserializeOwned + Clone + Send + Sync + 'static> Authenticate for Jwt<C> {
    type Principal = C;

    fn challenge(&self) -> HeaderValue {
        self.settings.refusals.challenge().clone()
    }

    fn authenticate(&self, head: &Parts) -> Verdict<C> {
        let settings = &self.settings;
        let token = match settings.source.token(&head.headers) {
            Ok(None) => return Verdict::Missing,
            Ok(Some(token)) => token,
            Err(reason) => return settings.refused(&head.headers, reason),
        };
        match self.claims(token, false) {
            Ok(claims) => Verdict::Verified(claims),
            Err(Stop::Refused(reason)) => settings.refused(&head.headers, reason),
            Err(Stop::Fetch(keys)) => {
                let (jwt, token) = (self.clone(), token.to_vec());
                Verdict::wait(async move {
                    if let Err(cause) = keys.await {
                        return Verdict::unchecked("Bearer", cause);
                    }
                    match jwt.claims(&token, true) {
                        Ok(claims) => Verdict::Verified(claims),
                        Err(Stop::Refused(reason)) => {
                            Verdict::Refused(jwt.settings.refusals.of(reason))
                        }
                        Err(Stop::Fetch(keys)) => {
                            let cause = keys.await.err();
                            let cause = cause.unwrap_or_else(|| "the keys went away again".into());
                            Verdict::unchecked("Bearer", cause)
                        }
                    }
                })
            }
        }
    }

    fn describe(&self, layer: Description) -> Description {
        let layer = layer.answers(
            StatusCode::BAD_REQUEST,
            "without a token after `Bearer`, or with several tokens",
        );
        let mut issuers = self.settings.issuers.iter();
        if issuers.any(|issuer| issuer.keys.is_fetched()) {
            let why = "while the keys can't be fetched";
            return layer.answers(StatusCode::SERVICE_UNAVAILABLE, why);
        }
        layer
    }
}

impl<C> Clone for Jwt<C> {
    fn clone(&self) -> Self {
        Self {
            settings: Arc::clone(&self.settings),
            checks: self.checks.clone(),
            cache: self.cache.clone(),
        }
    }
}

impl<C> fmt::Debug for Jwt<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &*self.settings;
        f.debug_struct("Jwt")
            .field("issuers", &settings.issuers)
            .field("rules", &settings.rules)
            .field("types", &settings.types)
            .field("source", &settings.source)
            .field("max_length", &settings.max_length)
            .field("checks", &self.checks.len())
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
