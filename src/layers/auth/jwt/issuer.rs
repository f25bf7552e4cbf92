//! Binds keys to the issuer that signs with them: [`JwtIssuer`].

use std::{borrow::Cow, fmt};

use serde::Deserialize;

#[cfg(feature = "jwks")]
use super::jwks::Jwks;
use super::{
    key::JwtKey, key_set::KeySet, key_source::KeySource, refusal::JwtRefusal, text::Text,
    token::Token,
};
use crate::wire::ConfigError;

/// Who signs tokens, with its own keys: for [`Jwt::issuers`](super::Jwt::issuers).
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
    /// If the name is empty, or the keys are what [`Jwt::keys`](super::Jwt::keys) refuses.
    pub fn new(
        name: impl Into<String>,
        keys: impl IntoIterator<Item = JwtKey>,
    ) -> Result<Self, ConfigError> {
        let keys = KeySet::new(keys.into_iter().collect())?;
        Self::with_source(name.into(), KeySource::Fixed(keys.into()))
    }

    /// An issuer whose tokens have exactly this `iss` and are signed with a key of its identity
    /// provider, fetched from it.
    ///
    /// # Errors
    ///
    /// If the name is empty, or not the one by which the keys are found; or if the certificate
    /// authorities of the system are needed for TLS and can't be loaded.
    #[cfg(feature = "jwks")]
    pub fn jwks(name: impl Into<String>, keys: Jwks) -> Result<Self, ConfigError> {
        let name = name.into();
        if keys.issuer().is_some_and(|known| known != name) {
            let message = format!(
                "the keys are found by another issuer's name than `{}`",
                name.escape_debug()
            );
            return Err(ConfigError::new("JwtIssuer", message));
        }
        keys.open()?;
        Self::with_source(name, KeySource::Jwks(keys))
    }

    /// An issuer whose keys are found by its name: [`Jwks::discover`].
    ///
    /// # Errors
    ///
    /// If the keys are not found by a name, or the certificate authorities of the system are needed
    /// for TLS and can't be loaded.
    #[cfg(feature = "jwks")]
    pub fn discovered(keys: Jwks) -> Result<Self, ConfigError> {
        let name = keys.issuer().unwrap_or_default().to_owned();
        Self::jwks(name, keys)
    }

    /// An issuer whose keys come from somewhere.
    pub(super) fn with_source(name: String, keys: KeySource) -> Result<Self, ConfigError> {
        if name.is_empty() {
            let message = "an issuer without a name is no issuer: give the `iss` of its tokens";
            return Err(ConfigError::new("JwtIssuer", message));
        }
        Ok(Self(Issuer {
            name: Some(name),
            ..Issuer::unnamed(keys)
        }))
    }

    /// A name of yours that `aud` may hold in this issuer's tokens. An issuer with names of its own
    /// does not go by those of [`Jwt::audience`](super::Jwt::audience).
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.0.audiences.push(audience.into());
        self
    }
}

impl fmt::Debug for JwtIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtIssuer")
            .field("name", &self.0.name)
            .field("keys", &self.0.keys)
            .field("audiences", &self.0.audiences)
            .finish()
    }
}

/// Who signs tokens, and the keys that it signs with.
#[derive(Clone, Debug)]
pub(super) struct Issuer {
    /// What `iss` must be. Without a name, whoever has the keys is the issuer.
    name: Option<String>,
    pub(super) keys: KeySource,
    /// The names of ours that this issuer uses, if it has any of its own.
    pub(super) audiences: Vec<String>,
}

impl Issuer {
    /// The only issuer there is, known by its keys.
    pub(super) const fn unnamed(keys: KeySource) -> Self {
        Self {
            name: None,
            keys,
            audiences: Vec::new(),
        }
    }

    /// Whether a token that says this of its issuer can be this issuer's.
    pub(super) fn is(&self, iss: Option<&str>) -> bool {
        self.name.is_none() || self.name.as_deref() == iss
    }
}

/// The issuers, each once.
pub(super) fn list(issuers: Vec<JwtIssuer>) -> Result<Vec<Issuer>, ConfigError> {
    if issuers.is_empty() {
        let message = "without an issuer, no token can be verified";
        return Err(ConfigError::new("Jwt", message));
    }
    for (at, JwtIssuer(issuer)) in issuers.iter().enumerate() {
        let name = issuer.name.as_deref().unwrap_or_default();
        let mut later = issuers.iter().skip(at.saturating_add(1));
        if later.any(|JwtIssuer(other)| other.name == issuer.name) {
            let message = format!("the issuer `{}` is there twice", name.escape_debug());
            return Err(ConfigError::new("Jwt", message));
        }
    }
    Ok(issuers.into_iter().map(|JwtIssuer(it)| it).collect())
}

/// The issuer whose keys the token must be signed with.
///
/// Of several, it is the one that the token names; whether the token says so with right is found
/// out with that issuer's keys alone.
pub(super) fn of<'a>(issuers: &'a [Issuer], token: &Token<'_>) -> Result<&'a Issuer, JwtRefusal> {
    if let [only] = issuers {
        return Ok(only);
    }
    let claimed: Claimed<'_> =
        serde_json::from_str(token.claims()?).map_err(|_where_it_broke| JwtRefusal::Malformed)?;
    let iss: Option<Cow<'_, str>> = claimed.iss.map(|Text(iss)| iss);
    let mut known = issuers.iter();
    known
        .find(|issuer| issuer.is(iss.as_deref()))
        .ok_or(JwtRefusal::Issuer)
}

/// What a token says of its issuer.
#[derive(Deserialize)]
struct Claimed<'a> {
    #[serde(borrow, default)]
    iss: Option<Text<'a>>,
}
