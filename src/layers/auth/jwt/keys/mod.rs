//! Makes keys from secrets, PEM and JWKs: [`JwtKey`].

#[cfg(feature = "jwt-aws-lc")]
mod aws_lc;
mod jwk;
mod pem;
// With both features, its unit tests compare the two libraries.
#[cfg(all(feature = "jwt-rust-crypto", any(test, not(feature = "jwt-aws-lc"))))]
mod rust_crypto;
#[cfg(not(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto")))]
mod secrets_only;
mod signature;

use std::fmt;

pub use signature::JwtAlgorithm;

#[cfg(feature = "jwt-aws-lc")]
use self::aws_lc::PublicKey;
#[cfg(all(feature = "jwt-rust-crypto", not(feature = "jwt-aws-lc")))]
use self::rust_crypto::PublicKey;
#[cfg(not(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto")))]
use self::secrets_only::PublicKey;
use self::{
    jwk::{Jwk, point, significant},
    pem::{key_in, public_key_der},
};
pub(super) use self::{
    jwk::{JwkList, JwkParameters, JwkSet, is_secret, read_jwk},
    signature::{KeySet, VerifyingKey},
};
use crate::{layers::auth::jwt::jws::json_object, support::weak_key::check_key, wire::ConfigError};

/// A key that verifies the tokens of one algorithm, parsed only once.
///
/// # Example: two keys during a rotation
///
/// ```
/// use wythe::{Jwt, JwtKey};
/// # #[derive(Clone, serde::Deserialize)] struct Claims;
/// # let (old, new) = ("an old secret of 32 bytes or more", "a new secret of 32 bytes and more");
///
/// let jwt = Jwt::<Claims>::keys([
///     JwtKey::hs256(new)?.id("2026-11"),
///     JwtKey::hs256(old)?.id("2026-05"),
/// ])?;
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Example: one RSA key for two algorithms
///
/// ```
/// use wythe::{Jwt, JwtKey, auth::JwtAlgorithm};
/// # #[derive(Clone, serde::Deserialize)] struct Claims;
/// # fn jwt(pem: &str) -> Result<Jwt<Claims>, wythe::ConfigError> {
///
/// let key = |algorithm| JwtKey::pem(algorithm, pem).map(|key| key.id("2026-11"));
/// let jwt = Jwt::<Claims>::keys([key(JwtAlgorithm::RS256)?, key(JwtAlgorithm::PS256)?])?;
/// # Ok(jwt) }
/// ```
///
/// # Security
///
/// A key is for one algorithm, which you choose and the token only confirms: a public key is never
/// used as an HMAC secret. Secrets are wiped when dropped and never printed.
#[derive(Clone)]
#[must_use]
pub struct JwtKey(VerifyingKey);

impl JwtKey {
    /// A secret for HMAC with SHA-256.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 32 bytes, is one byte repeated, or is a key in PEM or a JWK.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::secret(JwtAlgorithm::HS256, secret.as_ref())
    }

    /// A secret for HMAC with SHA-384.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 48 bytes, is one byte repeated, or is a key in PEM or a JWK.
    pub fn hs384(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::secret(JwtAlgorithm::HS384, secret.as_ref())
    }

    /// A secret for HMAC with SHA-512.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 64 bytes, is one byte repeated, or is a key in PEM or a JWK.
    pub fn hs512(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::secret(JwtAlgorithm::HS512, secret.as_ref())
    }

    /// A public key in PEM: `PUBLIC KEY`, or `RSA PUBLIC KEY`.
    ///
    /// # Errors
    ///
    /// If the text is not exactly one PEM block: the error says so if the block is in quotes, follows
    /// a byte order mark or a comment, or has `\\n` instead of line breaks, as in a variable of an
    /// `.env` file. Also if the PEM is not a public key, or not one for this algorithm: it is on
    /// another curve, is an RSA key outside 2048 to 8192 bits, or the algorithm takes a secret.
    pub fn pem(algorithm: JwtAlgorithm, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        if algorithm.secret_length().is_some() {
            return Err(error(format!("{algorithm:?} takes a secret, not a PEM")));
        }
        Self::public(algorithm, &public_key_der(pem.as_ref())?)
    }

    /// A JSON Web Key (RFC 7517) as JSON text, with its `kid`. You choose the algorithm; the key's
    /// `alg` must not contradict it.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{JwtKey, auth::JwtAlgorithm};
    ///
    /// let jwk = r#"{
    ///     "kty": "OKP", "crv": "Ed25519", "kid": "2026-11",
    ///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    /// }"#;
    /// let key = JwtKey::jwk(JwtAlgorithm::EdDSA, jwk)?;
    /// assert_eq!(key.key_id(), Some("2026-11"));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is not a JWK, the key is not for this algorithm, or its `use` or `key_ops` do not
    /// allow it to verify.
    pub fn jwk(algorithm: JwtAlgorithm, jwk: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::from_jwk(algorithm, &parse_jwk(jwk.as_ref())?).map_err(|mismatch| mismatch.error)
    }

    /// One key for each of these algorithms that the JWK fits: an RSA key may be for both `RS256` and
    /// `PS256`.
    ///
    /// # Errors
    ///
    /// If the text is not a JWK, no algorithm is allowed, or the key fits none of them. The error is
    /// that of the algorithm for which the key is the closest match.
    pub fn jwk_any_of(
        allowed: impl IntoIterator<Item = JwtAlgorithm>,
        jwk: impl AsRef<[u8]>,
    ) -> Result<Vec<Self>, ConfigError> {
        let allowed: Vec<_> = allowed.into_iter().collect();
        let jwk = parse_jwk(jwk.as_ref())?;
        Self::fitting(&allowed, &jwk).map_err(|mismatch| mismatch.error)
    }

    /// The keys of a JWK Set (RFC 7517, section 5) as JSON text: one for each pair of a key in the set
    /// and one of these algorithms that it fits.
    ///
    /// Keys that fit no algorithm are skipped: those for other algorithms or purposes, of unknown
    /// types, and malformed ones. Secrets are used only if an HMAC algorithm is allowed. Several keys
    /// may have the same id.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Jwt, JwtKey, auth::JwtAlgorithm};
    /// # #[derive(Clone, serde::Deserialize)] struct Claims;
    ///
    /// let set = r#"{ "keys": [
    ///     { "kty": "RSA", "use": "enc", "kid": "1", "n": "ofgWCuLjybRlzo0tZWJj", "e": "AQAB" },
    ///     { "kty": "OKP", "crv": "Ed25519", "kid": "2",
    ///       "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }
    /// ] }"#;
    /// let keys = JwtKey::jwk_set([JwtAlgorithm::RS256, JwtAlgorithm::EdDSA], set)?;
    /// assert_eq!(keys.len(), 1);
    /// let jwt = Jwt::<Claims>::keys(keys)?;
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is not a JWK Set, the set has more than 2,000 keys, no algorithm is allowed, or no
    /// key fits any of them.
    pub fn jwk_set(
        allowed: impl IntoIterator<Item = JwtAlgorithm>,
        set: impl AsRef<[u8]>,
    ) -> Result<Vec<Self>, ConfigError> {
        let allowed: Vec<_> = allowed.into_iter().collect();
        let malformed = || error("the JWK Set can't be parsed".to_owned());
        let set = json_object(set.as_ref()).ok_or_else(malformed)?;
        let JwkSet { keys: listed } =
            serde_json::from_str(set).map_err(|source| malformed().because(source))?;
        let (count, max) = (listed.count, JwkList::MAX_KEYS);
        if count > max {
            return Err(error(format!(
                "the JWK Set has {count} keys, more than {max}"
            )));
        }
        let mut keys = Vec::new();
        let mut closest: Option<JwkMismatch> = None;
        for jwk in listed.first.into_iter().filter_map(read_jwk) {
            match Self::fitting(&allowed, &jwk) {
                Ok(fitting) => keys.extend(fitting),
                Err(mismatch) => closest = Some(mismatch.or_closer(closest)),
            }
        }
        if keys.is_empty() {
            let none = error(format!("none of the JWK Set's {count} keys can be used"));
            return Err(match closest {
                Some(mismatch) => none.because(mismatch.error),
                None => none,
            });
        }
        for Self(key) in &mut keys {
            key.may_share_id = true;
        }
        Ok(keys)
    }

    /// The key's id: a token with this `kid` is verified with this key.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.0.id = Some(id.into().into_boxed_str());
        self
    }

    /// The algorithm of the tokens that this key verifies.
    #[must_use]
    pub const fn algorithm(&self) -> JwtAlgorithm {
        self.0.algorithm
    }

    /// The key's id, if it has one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    pub(super) fn set(keys: impl IntoIterator<Item = Self>) -> Result<KeySet, ConfigError> {
        KeySet::new(keys.into_iter().map(|Self(key)| key).collect())
    }

    #[cfg(feature = "jwks")]
    pub(super) fn into_verifying_key(self) -> VerifyingKey {
        self.0
    }

    /// One key for each of these algorithms that the JWK fits; otherwise why it does not fit the
    /// algorithm for which it is the closest match.
    pub(super) fn fitting(allowed: &[JwtAlgorithm], jwk: &Jwk) -> Result<Vec<Self>, JwkMismatch> {
        let mut keys = Vec::new();
        let mut closest: Option<JwkMismatch> = None;
        for algorithm in allowed {
            match Self::from_jwk(*algorithm, jwk) {
                Ok(key) => keys.push(key),
                Err(mismatch) => closest = Some(mismatch.or_closer(closest)),
            }
        }
        match closest {
            _ if !keys.is_empty() => Ok(keys),
            Some(mismatch) => Err(mismatch),
            None => {
                let message = "an empty list of algorithms allows no key".to_owned();
                Err(JwkMismatch::of(Closeness::OtherType, error(message)))
            }
        }
    }

    fn from_jwk(algorithm: JwtAlgorithm, jwk: &Jwk) -> Result<Self, JwkMismatch> {
        let is_on = |crv: &str| curve(algorithm).is_some_and(|curve| curve.name == crv);
        let mismatch = |closeness, wrong: &str| {
            let message = format!("this JWK is not for {algorithm:?}: {wrong}");
            Err(JwkMismatch::of(closeness, error(message)))
        };
        let is_of_the_type = match &jwk.parameters {
            JwkParameters::Rsa { .. } => algorithm.is_rsa(),
            JwkParameters::EllipticCurve { crv, .. } | JwkParameters::OctetKeyPair { crv, .. } => {
                is_on(crv)
            }
            // With a symmetric key instead of a public one, everyone who can read it could sign.
            JwkParameters::Secret { .. } => algorithm.secret_length().is_some(),
        };
        if !is_of_the_type {
            return mismatch(Closeness::OtherType, "its `kty` or `crv` does not match");
        }
        if let Some(alg) = jwk.other_algorithm(algorithm) {
            let wrong = format!("its `alg` is `{}`", alg.escape_debug());
            return mismatch(Closeness::OtherAlgorithm, &wrong);
        }
        if let Err(wrong) = jwk.check_purpose() {
            return mismatch(Closeness::OtherPurpose, wrong);
        }
        let key = match &jwk.parameters {
            JwkParameters::Rsa { n, e } => {
                let key = PublicKey::rsa(algorithm, significant(&n.0), significant(&e.0));
                key.map(|key| Self(VerifyingKey::public(algorithm, key)))
            }
            JwkParameters::EllipticCurve { x, y, .. } => {
                let length = curve(algorithm).map_or(0, |curve| curve.length);
                let point = point(&x.0, &y.0, length);
                let too_long =
                    || error("the JWK's `x` or `y` is too long for its curve".to_owned());
                point
                    .ok_or_else(too_long)
                    .and_then(|point| Self::public(algorithm, &point))
            }
            JwkParameters::OctetKeyPair { x, .. } => Self::public(algorithm, &x.0),
            JwkParameters::Secret { k } => Self::secret(algorithm, &k.0),
        };
        let key = key.map_err(|error| JwkMismatch::of(Closeness::InvalidKey, error))?;
        Ok(match &jwk.kid {
            Some(kid) => key.id(kid.as_str()),
            None => key,
        })
    }

    fn secret(algorithm: JwtAlgorithm, secret: &[u8]) -> Result<Self, ConfigError> {
        // RFC 7518, section 3.2.
        let min_length = algorithm.secret_length().unwrap_or_default();
        let what = format!("the secret for {algorithm:?}");
        check_key("JwtKey", &what, secret, min_length)?;
        if let Some(found) = key_in(secret) {
            let message =
                format!("the secret is {found}: anyone with the public key could sign with it");
            return Err(error(message));
        }
        let key = VerifyingKey::hmac(algorithm, secret);
        key.map(Self).ok_or_else(|| unsupported(algorithm))
    }

    /// Takes a key in DER, or the point of a curve.
    fn public(algorithm: JwtAlgorithm, bytes: &[u8]) -> Result<Self, ConfigError> {
        let key = PublicKey::new(algorithm, bytes)?;
        Ok(Self(VerifyingKey::public(algorithm, key)))
    }
}

fn parse_jwk(json: &[u8]) -> Result<Jwk, ConfigError> {
    serde_json::from_slice(json)
        .map_err(|source| error("the JWK can't be parsed".to_owned()).because(source))
}

/// Why a JWK is not a key for an algorithm.
pub(super) struct JwkMismatch {
    closeness: Closeness,
    error: ConfigError,
}

/// How closely a JWK matches an algorithm, in ascending order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    OtherType,
    OtherAlgorithm,
    OtherPurpose,
    /// It is meant for the algorithm, but is not a valid key for it.
    InvalidKey,
}

impl JwkMismatch {
    const fn of(closeness: Closeness, error: ConfigError) -> Self {
        Self { closeness, error }
    }

    /// This mismatch, unless the other one is closer.
    fn or_closer(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.closeness > self.closeness => other,
            _ => self,
        }
    }
}

/// A curve of a JWK (RFC 7518, section 6.2.1.1; RFC 8037, section 2), and the length of a coordinate.
struct Curve {
    name: &'static str,
    length: usize,
}

const fn curve(algorithm: JwtAlgorithm) -> Option<Curve> {
    let (name, length) = match algorithm {
        JwtAlgorithm::ES256 => ("P-256", 32),
        JwtAlgorithm::ES384 => ("P-384", 48),
        JwtAlgorithm::ES512 => ("P-521", 66),
        JwtAlgorithm::EdDSA => ("Ed25519", 32),
        _ => return None,
    };
    Some(Curve { name, length })
}

fn error(message: String) -> ConfigError {
    ConfigError::new("JwtKey", message)
}

fn unsupported(algorithm: JwtAlgorithm) -> ConfigError {
    error(format!("{algorithm:?} can't be verified with such a key"))
}

#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
fn wrong_kind<E>(algorithm: JwtAlgorithm, source: E) -> ConfigError
where
    E: std::error::Error + Send + Sync + 'static,
{
    error(format!("this is not a public key for {algorithm:?}")).because(source)
}

/// RSA keys of fewer than 2048 bits are rejected (RFC 7518, section 3.3).
#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
fn check_rsa_size(bits: u32) -> Result<(), ConfigError> {
    match bits {
        2048..=8192 => Ok(()),
        _ => Err(error(format!(
            "an RSA key must have 2048 to 8192 bits, not {bits}"
        ))),
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
