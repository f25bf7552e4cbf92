//! Checks signatures with keys that were prepared once.
//!
//! `jsonwebtoken` gives the vocabulary, [`Algorithm`] and `Jwk`, but does not verify here. Its
//! backend is chosen for the whole program by Cargo features, or by whoever installs one first, and
//! with none or two of them it panics when the first token comes; a library that turned one of them
//! on could break the `encode` of the program that uses it. It also reads and expands the key anew
//! for every token. So the signatures are checked here: HS by `hmac` and `sha2`, which for input this
//! short are quicker than a call into C, the others by `aws-lc-rs`.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    VerificationAlgorithm,
};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::Algorithm;
use sha2::{Sha256, Sha384, Sha512};

/// A key, ready to check the signatures of one algorithm. What holds a secret wipes it when dropped.
#[derive(Clone)]
pub(super) enum Verifier {
    Hs256(Hmac<Sha256>),
    Hs384(Box<Hmac<Sha384>>),
    Hs512(Box<Hmac<Sha512>>),
    Public(ParsedPublicKey),
}

impl Verifier {
    /// A verifier for an HMAC algorithm; none for others.
    pub(super) fn hmac(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::HS256 => Hmac::new_from_slice(secret).ok().map(Self::Hs256),
            Algorithm::HS384 => {
                let hmac = Hmac::new_from_slice(secret).ok()?;
                Some(Self::Hs384(Box::new(hmac)))
            }
            Algorithm::HS512 => {
                let hmac = Hmac::new_from_slice(secret).ok()?;
                Some(Self::Hs512(Box::new(hmac)))
            }
            _ => None,
        }
    }

    /// Whether the signature is that of the message.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hs256(hmac) => verifies_hmac(hmac, message, signature),
            Self::Hs384(hmac) => verifies_hmac(hmac.as_ref(), message, signature),
            Self::Hs512(hmac) => verifies_hmac(hmac.as_ref(), message, signature),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

/// The comparison takes the same time wherever the two differ.
fn verifies_hmac<M: Mac + Clone>(hmac: &M, message: &[u8], signature: &[u8]) -> bool {
    let mut hmac = hmac.clone();
    hmac.update(message);
    hmac.verify_slice(signature).is_ok()
}

/// The length of an HMAC algorithm's output, which is the least length of its secret (RFC 7518,
/// section 3.2).
pub(super) const fn hmac_length(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::HS256 => Some(32),
        Algorithm::HS384 => Some(48),
        Algorithm::HS512 => Some(64),
        _ => None,
    }
}

/// RSA keys of fewer than 2048 bits are refused (RFC 7518, section 3.3).
pub(super) const fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

/// Elliptic curves: signatures are two numbers of fixed length (RFC 7518, section 3.4; RFC 8037).
pub(super) fn curve(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match algorithm {
        Algorithm::ES256 => Some(&ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Some(&ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Some(&ED25519),
        _ => None,
    }
}

/// What a token's `alg` may be for a key of this algorithm. `Ed25519` is the newer name of `EdDSA`
/// with that curve (RFC 9864, section 2.2).
pub(super) const fn names(algorithm: Algorithm) -> &'static [&'static str] {
    match algorithm {
        Algorithm::HS256 => &["HS256"],
        Algorithm::HS384 => &["HS384"],
        Algorithm::HS512 => &["HS512"],
        Algorithm::RS256 => &["RS256"],
        Algorithm::RS384 => &["RS384"],
        Algorithm::RS512 => &["RS512"],
        Algorithm::PS256 => &["PS256"],
        Algorithm::PS384 => &["PS384"],
        Algorithm::PS512 => &["PS512"],
        Algorithm::ES256 => &["ES256"],
        Algorithm::ES384 => &["ES384"],
        Algorithm::EdDSA => &["EdDSA", "Ed25519"],
        _ => &[],
    }
}
