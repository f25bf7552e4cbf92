//! Verifies JSON Web Tokens: [`Jwt`].

mod claims;
mod header;
mod issuer;
mod jwk;
#[cfg(feature = "jwks")]
mod jwks;
mod key;
mod key_set;
mod key_source;
mod once;
mod pem;
mod refusal;
mod scalar;
mod settings;
mod source;
mod text;
mod token;
mod verifier;

use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{HeaderValue, StatusCode, request::Parts};
use jsonwebtoken::{Algorithm, jwk::Jwk};
use serde::de::DeserializeOwned;

#[cfg(feature = "jwks")]
pub use jwks::{FetchKeys, Fetched, HttpsTransport, Jwks, JwksError, JwksStatus};
pub use key::JwtKey;
pub use refusal::JwtRefusal;

use self::{
    key_set::KeySet,
    key_source::{KeySource, Stop},
    refusal::Refusals,
    settings::Settings,
};
use super::{Authenticate, Verdict};
use crate::{clock::Clock, config_error::ConfigError, describe::Description, field::cookie};

/// Verifies a JSON Web Token (RFC 7519) and reads its claims as `C`: a scheme for
/// [`with_auth`](crate::with_auth).
///
/// The token comes as `Authorization: Bearer` (RFC 6750), or in a [`cookie`](Self::cookie). It
/// passes if all of this holds:
///
/// 1. it is the only token of the request, and at most 8 KiB long ([`max_length`](Self::max_length));
/// 2. it is a JWS in compact form, each part in canonical base64url, with nothing critical in its
///    header that would have to be understood;
/// 3. there is a key of its `alg`, and of its `kid` if it names one and keys have ids;
/// 4. it is signed with that key;
/// 5. its `exp` is there and has not come, its `nbf` has ([`leeway`](Self::leeway));
/// 6. its `iss` and `aud` are among those that you name; an `aud` where you name none is refused,
///    for the token is meant for somebody else (RFC 7519, section 4.1.3);
/// 7. the claims can be read as `C`.
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
/// - A token in a cookie is sent by the browser unasked, from other sites too: set it `SameSite`,
///   `HttpOnly` and `Secure`, and name it `__Host-..`, so that no neighbouring domain can plant a
///   second one, which would be answered 400.
/// - A token is valid until it expires, whatever happens to its user. Keep `exp` short.
/// - The claims are signed, not secret.
///
/// # Compared with
///
/// `jsonwebtoken::decode` by default accepts a token without the issuer or audience that was
/// meant, before its `nbf`, and with an empty secret, and allows a minute of leeway; with none or
/// two of its backends it panics at the first token. Tokens are best signed with it, though: the
/// claims and headers are the same.
#[must_use]
pub struct Jwt<C> {
    settings: Arc<Settings>,
    claims: PhantomData<fn() -> C>,
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
        Ok(Self {
            settings: Arc::new(Settings::new(KeySource::Fixed(Arc::new(keys)))?),
            claims: PhantomData,
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
        keys.open()?;
        let issuer = keys.issuer().map(str::to_owned);
        let jwt = Self {
            settings: Arc::new(Settings::new(KeySource::Jwks(keys))?),
            claims: PhantomData,
        };
        Ok(match issuer {
            Some(issuer) => jwt.issuer(issuer),
            None => jwt,
        })
    }

    /// An issuer that `iss` may name. Without any, `iss` is not looked at.
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        self.change(|settings| {
            // There is one, unless several were given with their names.
            for known in &mut settings.issuers {
                known.names.push(issuer.clone());
            }
        })
    }

    /// A name of yours that `aud` may hold.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.change(|settings| settings.rules.audiences.push(audience.into()))
    }

    /// How far the issuer's clock may be from this one when `exp` and `nbf` are checked. Nothing,
    /// unless said; a few minutes at most are usual (RFC 7519, section 4.1.4).
    pub fn leeway(self, leeway: Duration) -> Self {
        self.change(|settings| settings.rules.leeway = leeway)
    }

    /// The media type that the header's `typ` must be, such as `at+jwt` (RFC 9068): where one
    /// issuer signs tokens for several uses, it keeps one from being taken for another.
    pub fn token_type(self, typ: impl Into<String>) -> Self {
        self.change(|settings| settings.typ = Some(typ.into()))
    }

    /// A cookie in which the token may come as well.
    ///
    /// # Errors
    ///
    /// If the name can't be a cookie's.
    pub fn cookie(self, name: impl Into<String>) -> Result<Self, ConfigError> {
        let name = name.into();
        if !cookie::is_name(&name) {
            let message = format!("`{}` can't be a cookie's name", name.escape_debug());
            return Err(ConfigError::new("Jwt", message));
        }
        Ok(self.change(|settings| settings.cookie = Some(name)))
    }

    /// The realm of the challenges; `api`, unless said.
    ///
    /// # Errors
    ///
    /// If it holds anything but visible ASCII characters and spaces.
    pub fn realm(self, realm: impl Into<String>) -> Result<Self, ConfigError> {
        let refusals = Refusals::of_realm(realm.into())?;
        Ok(self.change(|settings| settings.refusals = refusals))
    }

    /// The most bytes that a token may have; 8,192, unless said.
    pub fn max_length(self, bytes: usize) -> Self {
        self.change(|settings| settings.max_length = bytes)
    }

    /// The clock; the system's, unless said.
    pub fn clock(self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.clock = Clock::new(now))
    }

    /// Accepts tokens that never expire, because they have no `exp`. One that has it is still
    /// checked.
    pub fn dangerously_accept_without_expiry(self) -> Self {
        self.change(|settings| settings.rules.expiry_required = false)
    }

    /// Does not look at `aud`: accepts tokens that the issuer made for other services, which can
    /// then use here what they were sent there.
    pub fn dangerously_accept_any_audience(self) -> Self {
        self.change(|settings| settings.rules.any_audience = true)
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
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
        let token = match source::token(&head.headers, settings.cookie.as_deref()) {
            Ok(None) => return Verdict::Missing,
            Ok(Some(token)) => token,
            Err(reason) => return settings.refused(&head.headers, reason),
        };
        match settings.verify(token, false) {
            Ok(claims) => Verdict::Verified(claims),
            Err(Stop::Refused(reason)) => settings.refused(&head.headers, reason),
            Err(Stop::Fetch(keys)) => {
                let (settings, token) = (Arc::clone(settings), token.to_vec());
                Verdict::wait(async move {
                    if let Err(cause) = keys.await {
                        return Verdict::Failed(cause);
                    }
                    match settings.verify(&token, true) {
                        Ok(claims) => Verdict::Verified(claims),
                        Err(Stop::Refused(reason)) => {
                            Verdict::Refused(settings.refusals.of(reason))
                        }
                        Err(Stop::Fetch(keys)) => {
                            let cause = keys.await.err();
                            Verdict::Failed(cause.unwrap_or_else(|| "keys went away again".into()))
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
            claims: PhantomData,
        }
    }
}

impl<C> fmt::Debug for Jwt<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &*self.settings;
        f.debug_struct("Jwt")
            .field("issuers", &settings.issuers)
            .field("rules", &settings.rules)
            .field("type", &settings.typ)
            .field("cookie", &settings.cookie)
            .field("max_length", &settings.max_length)
            .finish_non_exhaustive()
    }
}
