//! The options of a [`Jwt`]: the rules for tokens, the places where they are found, and their issuers.

use std::{fmt, sync::Arc, time::Duration};

#[cfg(feature = "jwks")]
use super::jwks::Jwks;
use super::{
    Jwt,
    cache::TokenCache,
    claims::IssuerClaims,
    keys::JwtKey,
    refusal::{JwtRefusal, PreparedRefusals},
    verify::{Issuer, KeySource},
};
use crate::{support::clock::Clock, wire::ConfigError};

/// Rules for tokens.
impl<C> Jwt<C> {
    /// Adds an accepted `iss`. Without any, `iss` is not checked, except that it selects among several
    /// [`issuers`](Self::issuers); if names are added, only those of the issuers with such a name are
    /// accepted.
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        self.change(|verifier| verifier.rules.issuers.push(issuer.into()))
    }

    /// Adds a name of this service, which `aud` must contain; one of several names is enough.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.change(|verifier| verifier.rules.audiences.push(audience.into()))
    }

    /// How far the issuer's clock may differ from this one, for `exp`, `nbf`, `iat` and
    /// [`max_age`](Self::max_age) alike; a few minutes at most are usual (RFC 7519, section 4.1.4).
    /// Every token is then valid for that much longer.
    ///
    /// By default, `nbf` and `iat` may be 10 seconds in the future, and `exp` has no leeway.
    pub fn leeway(self, leeway: Duration) -> Self {
        self.change(|verifier| verifier.rules.leeway = Some(leeway))
    }

    /// Adds an accepted media type of the header's `typ`, such as `at+jwt` (RFC 9068), which keeps
    /// apart the tokens that one issuer signs for several uses. The header must then have one of the
    /// added types.
    ///
    /// By default, `typ` may be missing, `JWT` or `at+jwt`.
    pub fn token_type(self, typ: impl Into<String>) -> Self {
        self.change(|verifier| verifier.types.push(typ.into()))
    }

    /// Claims that must be present and not `null`, even if `C` does not need them.
    ///
    /// # Example
    ///
    /// ```
    /// # let secret = "32 bytes from a random generator";
    /// let jwt = wythe::Jwt::<serde_json::Value>::hs256(secret)?.required_claims(["sub", "scope"]);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn required_claims<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into);
        self.change(|verifier| verifier.rules.required.extend(names))
    }

    /// The maximum age of a token, whatever its `exp`. Its `iat` is then required and must not be in
    /// the future, apart from the [leeway](Self::leeway).
    ///
    /// # Errors
    ///
    /// If it is zero.
    pub fn max_age(self, age: Duration) -> Result<Self, ConfigError> {
        if age.is_zero() {
            let message = "a maximum age of 0 would refuse every token: use more time than a token \
                           is in use";
            return Err(ConfigError::new("Jwt", message));
        }
        Ok(self.change(|verifier| verifier.rules.max_age = Some(age)))
    }

    /// Adds a check of the claims. If it fails, the token is refused; the reason is logged but not
    /// sent to the client. The check runs for every request, whether the token is cached or not.
    ///
    /// To decide what a client may do, use [`with_authorization`](crate::with_authorization) instead:
    /// it answers 403.
    ///
    /// # Example
    ///
    /// ```
    /// use serde::Deserialize;
    /// use wythe::Jwt;
    /// # let secret = "32 bytes from a random generator";
    ///
    /// #[derive(Clone, Deserialize)]
    /// struct Claims {
    ///     sub: String,
    ///     token_use: String,
    /// }
    ///
    /// let jwt = Jwt::<Claims>::hs256(secret)?.check(|claims| match &*claims.token_use {
    ///     "access" => Ok(()),
    ///     _ => Err("not an access token"),
    /// });
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn check<R: fmt::Display>(
        mut self,
        check: impl Fn(&C) -> Result<(), R> + Send + Sync + 'static,
    ) -> Self {
        self.checks.push(Arc::new(move |claims| {
            check(claims).map_err(|reason| JwtRefusal::Check(reason.to_string()))
        }));
        self
    }

    /// Accepts tokens without `exp`, which never expire. If a token has an `exp`, it is still checked.
    pub fn dangerously_accept_without_expiry(self) -> Self {
        self.change(|verifier| verifier.rules.without_expiry = true)
    }

    /// Does not check `aud`: accepts tokens that the issuer made for other services. Any service that
    /// receives such a token can then use it here.
    pub fn dangerously_accept_any_audience(self) -> Self {
        self.change(|verifier| verifier.rules.any_audience = true)
    }
}

/// Where tokens are read from, and the challenges.
impl<C> Jwt<C> {
    /// Reads the token from this cookie too. Behind [`optional`](crate::With::optional), a token in a
    /// cookie that does not pass counts as no token.
    ///
    /// # Errors
    ///
    /// If it is not a valid cookie name, or a cookie has already been set.
    pub fn cookie(self, name: impl Into<String>) -> Result<Self, ConfigError> {
        self.try_change(|verifier| verifier.source.add_cookie(name.into()))
    }

    /// Reads the token from this header too, without `Bearer`.
    ///
    /// # Errors
    ///
    /// If it is not a valid header name, if the header has its own syntax, such as `Authorization`, or
    /// if a header has already been set.
    pub fn header(self, name: &str) -> Result<Self, ConfigError> {
        self.try_change(|verifier| verifier.source.add_header(name))
    }

    /// Reads the token from this cookie and from nowhere else: `Authorization` may then hold something
    /// else.
    ///
    /// # Errors
    ///
    /// If it is not a valid cookie name.
    pub fn only_cookie(self, name: impl Into<String>) -> Result<Self, ConfigError> {
        self.without_source().cookie(name)
    }

    /// Reads the token from this header and from nowhere else: for a proxy that authenticates users and
    /// passes their identity on in a header of its own.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{ConfigError, Jwt, JwtKey, auth::JwtAlgorithm};
    ///
    /// fn iap(pem: &str) -> Result<Jwt<serde_json::Value>, ConfigError> {
    ///     Jwt::keys([JwtKey::pem(JwtAlgorithm::ES256, pem)?])?
    ///         .issuer("https://cloud.google.com/iap")
    ///         .audience("/projects/7/global/backendServices/8")
    ///         .only_header("x-goog-iap-jwt-assertion")
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The same as for [`header`](Self::header).
    pub fn only_header(self, name: &str) -> Result<Self, ConfigError> {
        self.without_source().header(name)
    }

    fn without_source(self) -> Self {
        self.change(|verifier| verifier.source.clear())
    }

    /// The scheme of the token in `Authorization`, and of the challenges; `Bearer` by default. With
    /// another scheme, tokens under `Bearer` count as no credentials.
    ///
    /// This is for existing clients that send another name, such as `Token`. RFC 6750 defines
    /// `Bearer`, and most libraries support nothing else.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Jwt, auth::Authenticate};
    /// # let secret = "32 bytes from a random generator";
    ///
    /// let jwt = Jwt::<serde_json::Value>::hs256(secret)?.scheme("Token")?;
    /// assert_eq!(jwt.challenge(), r#"Token realm="api""#);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it is not a token (RFC 9110, section 11.1), or is a scheme with another kind of credentials:
    /// `Basic`, `Digest`, `Negotiate` or `NTLM`.
    pub fn scheme(self, name: &'static str) -> Result<Self, ConfigError> {
        self.try_change(|verifier| {
            verifier.source.set_scheme(name)?;
            verifier.refusals = PreparedRefusals::new(name, verifier.refusals.realm.clone())?;
            Ok(())
        })
    }

    /// The realm of the challenges; `api` by default.
    ///
    /// # Errors
    ///
    /// If it contains anything but visible ASCII characters and spaces.
    pub fn realm(self, realm: impl Into<String>) -> Result<Self, ConfigError> {
        self.try_change(|verifier| {
            verifier.refusals = PreparedRefusals::new(verifier.source.scheme, realm.into())?;
            Ok(())
        })
    }

    /// The maximum length of a token in bytes; 8,192 by default.
    ///
    /// # Errors
    ///
    /// If it is less than 68, the length of the shortest token.
    pub fn max_length(self, bytes: usize) -> Result<Self, ConfigError> {
        /// `{"alg":"HS256"}`, `{}` and a signature of 32 bytes.
        const SHORTEST: usize = "eyJhbGciOiJIUzI1NiJ9.e30.".len() + 43;

        if bytes < SHORTEST {
            let message = format!(
                "a maximum length of {bytes} bytes would refuse every token: allow at least \
                 {SHORTEST}"
            );
            return Err(ConfigError::new("Jwt", message));
        }
        Ok(self.change(|verifier| verifier.max_length = bytes))
    }

    /// The clock; the system's by default.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        self.change(|verifier| verifier.clock = clock.into())
    }
}

/// The cache of verified tokens.
impl<C> Jwt<C> {
    /// Stores verified tokens in this cache instead of a new one. Several `Jwt`s may share a cache;
    /// each accepts only the tokens that it has verified itself.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Jwt, TokenCache};
    /// # #[derive(Clone, serde::Deserialize)] struct Claims;
    /// # let secret = "32 bytes from a random generator";
    ///
    /// let cache = TokenCache::of(100_000)?.bytes(64 << 20)?;
    /// let jwt = Jwt::<Claims>::hs256(secret)?.cache(&cache);
    /// assert_eq!(cache.hits(), 0);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn cache(mut self, cache: &TokenCache<C>) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// Verifies the token of every request, even if it has been verified before.
    pub fn without_cache(mut self) -> Self {
        self.cache = None;
        self
    }

    /// The cache, to remove tokens from it and to read its counters; `None` after
    /// [`without_cache`](Self::without_cache).
    #[must_use]
    pub const fn token_cache(&self) -> Option<&TokenCache<C>> {
        self.cache.as_ref()
    }
}

/// An issuer of tokens, with its own keys: for [`Jwt::issuers`].
///
/// # Example
///
/// ```
/// use wythe::{JwtIssuer, JwtKey};
///
/// let secret = "32 bytes from a random generator";
/// let issuer = JwtIssuer::new("https://id.example.com", [JwtKey::hs256(secret)?.id("2026-11")])?
///     .audience("api");
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct JwtIssuer(Issuer);

impl JwtIssuer {
    /// An issuer whose tokens have exactly this `iss` and are signed with any of these keys.
    ///
    /// # Errors
    ///
    /// If the name is empty, or [`Jwt::keys`] rejects the keys.
    pub fn new(
        name: impl Into<String>,
        keys: impl IntoIterator<Item = JwtKey>,
    ) -> Result<Self, ConfigError> {
        let keys = KeySource::Fixed(Arc::new(JwtKey::set(keys)?));
        Self::with_source(name.into(), keys)
    }

    /// An issuer whose tokens have exactly this `iss` and are signed with a key of its identity
    /// provider, which is fetched from the provider.
    ///
    /// # Errors
    ///
    /// If the name is empty, or differs from the one by which the keys are discovered; or if the
    /// system's certificate authorities are needed for TLS and can't be loaded.
    #[cfg(feature = "jwks")]
    pub fn jwks(name: impl Into<String>, keys: Jwks) -> Result<Self, ConfigError> {
        let name = name.into();
        if keys.issuer().is_some_and(|known| known != name) {
            let message = format!(
                "the keys are discovered under another issuer's name, not under `{}`",
                name.escape_debug()
            );
            return Err(ConfigError::new("JwtIssuer", message));
        }
        keys.open()?;
        Self::with_source(name, KeySource::Jwks(keys))
    }

    /// An issuer whose keys are discovered by its name: [`Jwks::discover`].
    ///
    /// # Errors
    ///
    /// If the keys are not discovered by a name, or the system's certificate authorities are needed
    /// for TLS and can't be loaded.
    #[cfg(feature = "jwks")]
    pub fn discovered(keys: Jwks) -> Result<Self, ConfigError> {
        let name = keys.issuer().unwrap_or_default().to_owned();
        Self::jwks(name, keys)
    }

    fn with_source(name: String, keys: KeySource) -> Result<Self, ConfigError> {
        if name.is_empty() {
            let message = "an issuer needs a name: the `iss` of its tokens";
            return Err(ConfigError::new("JwtIssuer", message));
        }
        let claims = IssuerClaims {
            name: Some(name),
            audiences: Vec::new(),
        };
        Ok(Self(Issuer { claims, keys }))
    }

    /// Adds a name of this service that `aud` may contain in this issuer's tokens. An issuer with its
    /// own audiences does not accept those of [`Jwt::audience`].
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.0.claims.audiences.push(audience.into());
        self
    }

    /// The issuers, checked for duplicates.
    pub(super) fn list(issuers: Vec<Self>) -> Result<Vec<Issuer>, ConfigError> {
        if issuers.is_empty() {
            let message = "at least one issuer is required to verify tokens";
            return Err(ConfigError::new("Jwt", message));
        }
        for (at, Self(issuer)) in issuers.iter().enumerate() {
            let name = &issuer.claims.name;
            let mut later = issuers.iter().skip(at.saturating_add(1));
            if later.any(|Self(other)| other.claims.name == *name) {
                let name = name.as_deref().unwrap_or_default();
                let message = format!("the issuer `{}` is listed twice", name.escape_debug());
                return Err(ConfigError::new("Jwt", message));
            }
        }
        Ok(issuers.into_iter().map(|Self(issuer)| issuer).collect())
    }
}

impl fmt::Debug for JwtIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtIssuer")
            .field("name", &self.0.claims.name)
            .field("keys", &self.0.keys)
            .field("audiences", &self.0.claims.audiences)
            .finish()
    }
}
