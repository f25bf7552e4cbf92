//! Public keys by AWS-LC, and secrets on processors where AWS-LC is faster.

use aws_lc_rs::{
    encoding::AsDer,
    hmac, rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
        ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
        RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
    },
};

use super::{JwtAlgorithm, check_rsa_size, error, unsupported, wrong_kind};
use crate::wire::ConfigError;

/// A public key, parsed once.
#[derive(Clone)]
pub(super) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// Takes a key in DER, or the point of a curve.
    pub(super) fn new(algorithm: JwtAlgorithm, bytes: &[u8]) -> Result<Self, ConfigError> {
        let key = match (rsa(algorithm), curve(algorithm)) {
            (Some(parameters), _) => {
                let key = rsa::PublicKey::from_der(bytes)
                    .map_err(|source| wrong_kind(algorithm, source))?;
                // Otherwise the size is checked only when a signature is verified.
                let bits = RsaParameters::public_modulus_len(key.as_ref()).map_err(|source| {
                    error("the RSA key's size can't be read".to_owned()).because(source)
                })?;
                check_rsa_size(bits)?;
                ParsedPublicKey::new(parameters, key.as_ref())
            }
            (None, Some(curve)) => ParsedPublicKey::new(curve, bytes),
            (None, None) => return Err(unsupported(algorithm)),
        };
        key.map(Self)
            .map_err(|source| wrong_kind(algorithm, source))
    }

    /// Takes an RSA key's modulus and exponent.
    pub(super) fn rsa(algorithm: JwtAlgorithm, n: &[u8], e: &[u8]) -> Result<Self, ConfigError> {
        let parameters = rsa(algorithm).ok_or_else(|| unsupported(algorithm))?;
        let key = RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(parameters)
            .map_err(|source| wrong_kind(algorithm, source))?;
        let der = key
            .as_der()
            .map_err(|source| wrong_kind(algorithm, source))?;
        Self::new(algorithm, der.as_ref())
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// A secret for HMAC, whose state is wiped when dropped.
#[derive(Clone)]
pub(super) struct HmacKey(hmac::Key);

impl HmacKey {
    /// `None` for an algorithm that is not HMAC.
    pub(super) fn new(algorithm: JwtAlgorithm, secret: &[u8]) -> Option<Self> {
        let algorithm = match algorithm {
            JwtAlgorithm::HS256 => hmac::HMAC_SHA256,
            JwtAlgorithm::HS384 => hmac::HMAC_SHA384,
            JwtAlgorithm::HS512 => hmac::HMAC_SHA512,
            _ => return None,
        };
        Some(Self(hmac::Key::new(algorithm, secret)))
    }

    /// Compares in constant time.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.0, message, signature).is_ok()
    }
}

const fn rsa(algorithm: JwtAlgorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        JwtAlgorithm::RS256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        JwtAlgorithm::RS384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        JwtAlgorithm::RS512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        JwtAlgorithm::PS256 => Some(&RSA_PSS_2048_8192_SHA256),
        JwtAlgorithm::PS384 => Some(&RSA_PSS_2048_8192_SHA384),
        JwtAlgorithm::PS512 => Some(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

/// Elliptic curves: signatures are two numbers of fixed length (RFC 7518, section 3.4; RFC 8037).
fn curve(algorithm: JwtAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match algorithm {
        JwtAlgorithm::ES256 => Some(&ECDSA_P256_SHA256_FIXED),
        JwtAlgorithm::ES384 => Some(&ECDSA_P384_SHA384_FIXED),
        JwtAlgorithm::ES512 => Some(&ECDSA_P521_SHA512_FIXED),
        JwtAlgorithm::EdDSA => Some(&ED25519),
        _ => None,
    }
}
