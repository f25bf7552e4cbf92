//! Makes keys: from a secret, from PEM, from a JWK.

use std::fmt;

use aws_lc_rs::{
    encoding::AsDer,
    rsa::PublicKey,
    signature::{ParsedPublicKey, RsaParameters, RsaPublicKeyComponents},
};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, jwk::Jwk};

use super::{
    jwk, pem,
    verifier::{Verifier, curve, hmac_length, names, rsa},
};
use crate::wire::ConfigError;

/// A key that verifies the tokens of one algorithm, prepared once.
///
/// # Example
///
/// Two keys while the secret is being changed:
///
/// ```
/// use wythe::{Jwt, JwtKey};
/// # struct Claims;
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
/// use wythe::{Jwt, JwtKey, auth::Algorithm};
/// # struct Claims;
/// # fn of(pem: &str) -> Result<Jwt<Claims>, wythe::ConfigError> {
///
/// let key = |algorithm| JwtKey::pem(algorithm, pem).map(|key| key.id("2026-11"));
/// let jwt = Jwt::<Claims>::keys([key(Algorithm::RS256)?, key(Algorithm::PS256)?])?;
/// # Ok(jwt) }
/// ```
///
/// # Security
///
/// A key fits one algorithm, which you choose and the token only confirms: a public key is never
/// taken for an HMAC secret. Secrets are wiped when dropped and never printed.
#[derive(Clone)]
#[must_use]
pub struct JwtKey {
    algorithm: Algorithm,
    id: Option<Box<str>>,
    verifier: Verifier,
}

impl JwtKey {
    /// A secret for HMAC with SHA-256.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 32 bytes, one byte repeated, or a PEM.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::secret(Algorithm::HS256, secret.as_ref())
    }

    /// A secret for HMAC with SHA-384.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 48 bytes, one byte repeated, or a PEM.
    pub fn hs384(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::secret(Algorithm::HS384, secret.as_ref())
    }

    /// A secret for HMAC with SHA-512.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than 64 bytes, one byte repeated, or a PEM.
    pub fn hs512(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::secret(Algorithm::HS512, secret.as_ref())
    }

    /// A public key in PEM: `PUBLIC KEY`, or `RSA PUBLIC KEY`.
    ///
    /// # Errors
    ///
    /// If the PEM is no public key, or one of another kind than the algorithm's: another curve, an
    /// RSA key outside 2048 to 8192 bits, an algorithm of secrets.
    pub fn pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        if hmac_length(algorithm).is_some() {
            return Err(error(format!("{algorithm:?} takes a secret, not a PEM")));
        }
        let der = pem::public_key(pem.as_ref())?;
        Self::public(algorithm, &der)
    }

    /// A JSON Web Key (RFC 7517), with its `kid`. You say the algorithm; the key may not say
    /// another.
    ///
    /// # Errors
    ///
    /// If the key is of another kind than the algorithm's, or not made for verifying by `use` or
    /// `key_ops`.
    pub fn jwk(algorithm: Algorithm, key: &Jwk) -> Result<Self, ConfigError> {
        jwk::check(algorithm, key)?;
        let decoded = DecodingKey::from_jwk(key)
            .map_err(|source| error("the JWK can't be read".to_owned()).because(source))?;
        let made = match decoded.kind() {
            DecodingKeyKind::SecretOrDer(bytes) if hmac_length(algorithm).is_some() => {
                Self::secret(algorithm, bytes)
            }
            DecodingKeyKind::SecretOrDer(bytes) => Self::public(algorithm, bytes),
            DecodingKeyKind::RsaModulusExponent { n, e } => Self::components(algorithm, n, e),
        }?;
        Ok(match &key.common.key_id {
            Some(id) => made.id(id.as_str()),
            None => made,
        })
    }

    /// The key's id: a token that names a `kid` is checked with the key of that id.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into().into_boxed_str());
        self
    }

    /// The algorithm of the tokens that this key verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key's id, if it has one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether a token's `alg` is this key's.
    pub(super) fn is_for(&self, algorithm: &str) -> bool {
        names(self.algorithm).contains(&algorithm)
    }

    /// Whether the signature is that of the message.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verifies(message, signature)
    }

    fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, ConfigError> {
        let least = hmac_length(algorithm).unwrap_or_default();
        // RFC 7518, section 3.2.
        if secret.len() < least {
            let found = secret.len();
            let message =
                format!("{algorithm:?} needs a secret of {least} bytes or more, not {found}");
            return Err(error(message));
        }
        if secret.iter().all(|byte| secret.first() == Some(byte)) {
            return Err(error("the secret is one byte repeated".to_owned()));
        }
        if pem::is_pem(secret) {
            let message = "the secret is a PEM: whoever has the public key could sign with it";
            return Err(error(message.to_owned()));
        }
        let verifier = Verifier::hmac(algorithm, secret);
        Self::of(algorithm, verifier.ok_or_else(|| unsupported(algorithm)))
    }

    /// A key in DER, or a curve's point.
    fn public(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, ConfigError> {
        if let Some(parameters) = rsa(algorithm) {
            let key = PublicKey::from_der(bytes).map_err(|source| wrong_kind(algorithm, source))?;
            return Self::of(algorithm, sized(parameters, &key));
        }
        let curve = curve(algorithm).ok_or_else(|| unsupported(algorithm))?;
        let key =
            ParsedPublicKey::new(curve, bytes).map_err(|source| wrong_kind(algorithm, source));
        Self::of(algorithm, key.map(Verifier::Public))
    }

    /// An RSA key's modulus and exponent.
    fn components(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Result<Self, ConfigError> {
        let parameters = rsa(algorithm).ok_or_else(|| unsupported(algorithm))?;
        let key = RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(parameters)
            .map_err(|source| wrong_kind(algorithm, source))?;
        let der = key
            .as_der()
            .map_err(|source| wrong_kind(algorithm, source))?;
        Self::public(algorithm, der.as_ref())
    }

    fn of(
        algorithm: Algorithm,
        verifier: Result<Verifier, ConfigError>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            algorithm,
            id: None,
            verifier: verifier?,
        })
    }
}

/// aws-lc-rs looks at an RSA key's size only when it verifies: look now.
fn sized(parameters: &'static RsaParameters, key: &PublicKey) -> Result<Verifier, ConfigError> {
    let bits = RsaParameters::public_modulus_len(key.as_ref())
        .map_err(|source| error("the RSA key's size can't be read".to_owned()).because(source))?;
    let (least, most) = (parameters.min_modulus_len(), parameters.max_modulus_len());
    if bits < least || bits > most {
        let message = format!("an RSA key must have {least} to {most} bits, not {bits}");
        return Err(error(message));
    }
    ParsedPublicKey::new(parameters, key.as_ref())
        .map(Verifier::Public)
        .map_err(|source| error("the RSA key can't be used".to_owned()).because(source))
}

pub(super) fn error(message: String) -> ConfigError {
    ConfigError::new("JwtKey", message)
}

fn unsupported(algorithm: Algorithm) -> ConfigError {
    error(format!("{algorithm:?} can't be verified with such a key"))
}

fn wrong_kind<E>(algorithm: Algorithm, source: E) -> ConfigError
where
    E: std::error::Error + Send + Sync + 'static,
{
    error(format!("this is not a public key for {algorithm:?}")).because(source)
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey")
            .field("algorithm", &self.algorithm)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
