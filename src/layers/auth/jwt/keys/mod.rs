//! Makes keys from secrets, PEM and JWKs: [`JwtKey`].

#[cfg(feature = "jwt-aws-lc")]
mod aws_lc;
mod jwk;
// With both, its unit tests compare them.
#[cfg(all(feature = "jwt-rust-crypto", any(test, not(feature = "jwt-aws-lc"))))]
mod rust_crypto;
#[cfg(not(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto")))]
mod secrets_only;
mod signature;

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

pub use signature::JwtAlgorithm;

#[cfg(feature = "jwt-aws-lc")]
use self::aws_lc::PublicKey;
#[cfg(all(feature = "jwt-rust-crypto", not(feature = "jwt-aws-lc")))]
use self::rust_crypto::PublicKey;
#[cfg(not(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto")))]
use self::secrets_only::PublicKey;
pub(super) use self::{
    jwk::{Jwk, JwkParameters},
    signature::{KeySet, VerifyingKey},
};
use crate::wire::ConfigError;

/// A key that verifies the tokens of one algorithm, prepared once.
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
    /// If the secret is shorter than 32 bytes, is one byte repeated, or is a PEM.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::secret(JwtAlgorithm::HS256, secret.as_ref())
    }

    /// A secret for HMAC with SHA-384.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 48 bytes, is one byte repeated, or is a PEM.
    pub fn hs384(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::secret(JwtAlgorithm::HS384, secret.as_ref())
    }

    /// A secret for HMAC with SHA-512.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 64 bytes, is one byte repeated, or is a PEM.
    pub fn hs512(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::secret(JwtAlgorithm::HS512, secret.as_ref())
    }

    /// A public key in PEM: `PUBLIC KEY`, or `RSA PUBLIC KEY`.
    ///
    /// # Errors
    ///
    /// If the PEM is not a public key, or is not one for this algorithm: it is on another curve, is
    /// an RSA key outside 2048 to 8192 bits, or the algorithm takes a secret.
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
        Self::from_jwk(algorithm, &parse_jwk(jwk.as_ref())?)
    }

    /// A key for each of these algorithms that a JWK fits: an RSA key may be for both `RS256` and
    /// `PS256`.
    ///
    /// # Errors
    ///
    /// If the text is not a JWK, no algorithm is allowed, or the key fits none of them.
    pub fn jwk_any_of(
        allowed: impl IntoIterator<Item = JwtAlgorithm>,
        jwk: impl AsRef<[u8]>,
    ) -> Result<Vec<Self>, ConfigError> {
        let jwk = parse_jwk(jwk.as_ref())?;
        let mut misfit = error("an empty list of algorithms allows no key".to_owned());
        let mut keys = Vec::new();
        for algorithm in allowed {
            match Self::from_jwk(algorithm, &jwk) {
                Ok(key) => keys.push(key),
                Err(error) => misfit = error,
            }
        }
        if keys.is_empty() {
            return Err(misfit);
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

    pub(super) fn from_jwk(algorithm: JwtAlgorithm, jwk: &Jwk) -> Result<Self, ConfigError> {
        jwk.check_purpose(algorithm)
            .map_err(|wrong| error(format!("this JWK is not for {algorithm:?}: {wrong}")))?;
        let is_on = |crv: &str| curve_name(algorithm) == Some(crv);
        let key = match &jwk.parameters {
            JwkParameters::Rsa { n, e } if algorithm.is_rsa() => {
                let key = PublicKey::rsa(algorithm, &n.0, &e.0)?;
                Ok(Self(VerifyingKey::public(algorithm, key)))
            }
            JwkParameters::EllipticCurve { crv, x, y } if is_on(crv) => {
                // An uncompressed point (SEC 1, section 2.3.3).
                Self::public(algorithm, &[&[4], &*x.0, &*y.0].concat())
            }
            JwkParameters::OctetKeyPair { crv, x } if is_on(crv) => Self::public(algorithm, &x.0),
            // A symmetric key in place of a public one would let everyone sign who can read it.
            JwkParameters::Secret { k } if algorithm.secret_length().is_some() => {
                Self::secret(algorithm, &k.0)
            }
            _ => {
                let message = format!("the JWK's `kty` or `crv` is not for {algorithm:?}");
                Err(error(message))
            }
        }?;
        Ok(match &jwk.kid {
            Some(kid) => key.id(kid.as_str()),
            None => key,
        })
    }

    fn secret(algorithm: JwtAlgorithm, secret: &[u8]) -> Result<Self, ConfigError> {
        let least = algorithm.secret_length().unwrap_or_default();
        // RFC 7518, section 3.2.
        if secret.len() < least {
            let found = secret.len();
            let message =
                format!("{algorithm:?} needs a secret of at least {least} bytes, not {found}");
            return Err(error(message));
        }
        if secret.iter().all(|byte| secret.first() == Some(byte)) {
            return Err(error("the secret is one byte repeated".to_owned()));
        }
        if secret.trim_ascii_start().starts_with(BEGIN.as_bytes()) {
            let message = "the secret is a PEM: anyone with the public key could sign with it";
            return Err(error(message.to_owned()));
        }
        let key = VerifyingKey::hmac(algorithm, secret);
        key.map(Self).ok_or_else(|| unsupported(algorithm))
    }

    /// A key in DER, or the point of a curve.
    fn public(algorithm: JwtAlgorithm, bytes: &[u8]) -> Result<Self, ConfigError> {
        let key = PublicKey::new(algorithm, bytes)?;
        Ok(Self(VerifyingKey::public(algorithm, key)))
    }
}

fn parse_jwk(json: &[u8]) -> Result<Jwk, ConfigError> {
    serde_json::from_slice(json)
        .map_err(|source| error("the JWK can't be parsed".to_owned()).because(source))
}

/// The `crv` of a JWK (RFC 7518, section 6.2.1.1; RFC 8037, section 2).
const fn curve_name(algorithm: JwtAlgorithm) -> Option<&'static str> {
    match algorithm {
        JwtAlgorithm::ES256 => Some("P-256"),
        JwtAlgorithm::ES384 => Some("P-384"),
        JwtAlgorithm::EdDSA => Some("Ed25519"),
        _ => None,
    }
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The DER of the only public key in a PEM text (RFC 7468): `SubjectPublicKeyInfo`, or PKCS #1 for
/// RSA.
fn public_key_der(pem: &[u8]) -> Result<Vec<u8>, ConfigError> {
    let block = std::str::from_utf8(pem).ok().and_then(pem_block);
    let (label, body) = block.ok_or_else(|| {
        error("the key must be one PEM block, `-----BEGIN PUBLIC KEY-----` ..".to_owned())
    })?;
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
        "CERTIFICATE" => {
            let advice = "extract its key with `openssl x509 -pubkey -noout -in cert.pem`";
            return Err(error(format!("this PEM is a certificate; {advice}")));
        }
        label if label.ends_with("PRIVATE KEY") => {
            let advice = "extract the public key with `openssl pkey -pubout -in key.pem`";
            return Err(error(format!(
                "this PEM is a private key, which is not needed to verify; {advice}"
            )));
        }
        label => return Err(error(format!("this PEM is a `{label}`, not a public key"))),
    }
    let text: String = body.split_ascii_whitespace().collect();
    STANDARD
        .decode(text)
        .map_err(|source| error("the PEM's base64 is invalid".to_owned()).because(source))
}

/// Label and body of a text that is one PEM block and nothing else.
fn pem_block(text: &str) -> Option<(&str, &str)> {
    let (label, rest) = text.trim().strip_prefix(BEGIN)?.split_once(DASHES)?;
    let (body, end) = rest.split_once(END)?;
    let end = end.strip_suffix(DASHES)?;
    (end == label).then_some((label, body))
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
