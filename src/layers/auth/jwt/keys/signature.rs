//! Verifies signatures: chooses the key of a token, and checks the signature with it.
//!
//! `jsonwebtoken` is not used here. Its backend is chosen for the whole program, by Cargo features or
//! by the first caller that installs one, and it panics at the first token if there are none or two of
//! them; a library that enabled one could break `encode` in the program that uses it. It also parses
//! and expands the key again for every token. Here, HS algorithms are verified by `hmac` and `sha2`,
//! which are faster than a call into C for input this short if the processor has SHA-256 instructions.
//! The other algorithms are verified by `aws-lc-rs`, or by the crates of `RustCrypto` where C is not
//! available.

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

use super::PublicKey;
#[cfg(feature = "jwt-aws-lc")]
use super::aws_lc::HmacKey;
use crate::{
    layers::auth::jwt::{
        jws::{CompactJws, JoseHeader},
        refusal::JwtRefusal,
    },
    wire::ConfigError,
};

/// The keys of one issuer, each for one algorithm.
#[derive(Clone, Debug)]
pub(in crate::layers::auth::jwt) struct KeySet(Vec<VerifyingKey>);

impl KeySet {
    /// The keys from a configuration.
    pub(super) fn new(keys: Vec<VerifyingKey>) -> Result<Self, ConfigError> {
        let error = |message: String| Err(ConfigError::new("Jwt", message));
        if keys.is_empty() {
            return error("at least one key is required to verify tokens".to_owned());
        }
        // A token without a `kid` is verified with each key of its algorithm.
        if keys.len() > 32 {
            return error("more than 32 keys".to_owned());
        }
        for (at, key) in keys.iter().enumerate() {
            let is_same =
                |other: &VerifyingKey| other.id == key.id && other.algorithm == key.algorithm;
            let mut later = keys.iter().skip(at.saturating_add(1));
            let id = key.id.as_deref().filter(|_| !key.may_share_id);
            if let Some(id) = id.filter(|_| later.any(is_same)) {
                let algorithm = key.algorithm;
                return error(format!("two keys for {algorithm:?} have the id `{id}`"));
            }
        }
        Ok(Self(keys))
    }

    /// Fetched keys: any number, with any ids.
    #[cfg(feature = "jwks")]
    pub(in crate::layers::auth::jwt) const fn fetched(keys: Vec<VerifyingKey>) -> Self {
        Self(keys)
    }

    #[cfg(feature = "jwks")]
    pub(in crate::layers::auth::jwt) fn contains_id(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// Verifies the signature with the key that the header names. [`JwtRefusal::Key`] means that there
    /// is no such key.
    ///
    /// With a `kid`, these are the keys with this id or, if there are none, all keys without an id;
    /// without a `kid`, all keys of the algorithm.
    pub(in crate::layers::auth::jwt) fn verify(
        &self,
        token: &CompactJws<'_>,
        header: &JoseHeader<'_>,
    ) -> Result<(), JwtRefusal> {
        let kid = header.kid.as_deref();
        let is_known = kid.is_some() && self.0.iter().any(|key| key.id.as_deref() == kid);
        let mut reason = JwtRefusal::Key;
        for key in &self.0 {
            let is_named = kid.is_none() || key.id.as_deref() == kid.filter(|_| is_known);
            // The algorithm is that of the key; the header only confirms it (RFC 8725, section 3.1).
            if is_named && key.algorithm.is_named(&header.alg) {
                if key
                    .material
                    .verifies(token.signing_input, token.signature())
                {
                    return Ok(());
                }
                reason = JwtRefusal::Signature;
            }
        }
        Err(reason)
    }
}

/// A key that is ready to verify the signatures of one algorithm.
#[derive(Clone)]
pub(in crate::layers::auth::jwt) struct VerifyingKey {
    pub(in crate::layers::auth::jwt) algorithm: JwtAlgorithm,
    pub(super) id: Option<Box<str>>,
    /// The key is from a set made by somebody else, where ids may repeat; all keys with the id are
    /// tried.
    pub(super) may_share_id: bool,
    material: KeyMaterial,
}

/// An HMAC's state holds its secret and is wiped when dropped.
#[derive(Clone)]
enum KeyMaterial {
    Hs256(Hmac<Sha256>),
    Hs384(Box<Hmac<Sha384>>),
    Hs512(Box<Hmac<Sha512>>),
    #[cfg(feature = "jwt-aws-lc")]
    AwsLc(Box<HmacKey>),
    Public(PublicKey),
}

impl KeyMaterial {
    /// `None` for an algorithm that is not HMAC.
    fn hmac(algorithm: JwtAlgorithm, secret: &[u8]) -> Option<Self> {
        Some(match algorithm {
            JwtAlgorithm::HS256 => Self::Hs256(Hmac::new_from_slice(secret).ok()?),
            JwtAlgorithm::HS384 => Self::Hs384(Box::new(Hmac::new_from_slice(secret).ok()?)),
            JwtAlgorithm::HS512 => Self::Hs512(Box::new(Hmac::new_from_slice(secret).ok()?)),
            _ => return None,
        })
    }

    #[cfg(feature = "jwt-aws-lc")]
    fn aws_lc(algorithm: JwtAlgorithm, secret: &[u8]) -> Option<Self> {
        let key = HmacKey::new(algorithm, secret)?;
        Some(Self::AwsLc(Box::new(key)))
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hs256(hmac) => verifies_hmac(hmac, message, signature),
            Self::Hs384(hmac) => verifies_hmac(hmac.as_ref(), message, signature),
            Self::Hs512(hmac) => verifies_hmac(hmac.as_ref(), message, signature),
            #[cfg(feature = "jwt-aws-lc")]
            Self::AwsLc(key) => key.verifies(message, signature),
            Self::Public(key) => key.verifies(message, signature),
        }
    }
}

/// Whether AWS-LC is faster for this algorithm: `sha2` has no assembly for x86 processors without
/// SHA-256 instructions. There, AWS-LC takes 0.9 µs for 300 bytes, and `sha2` 1.1 µs; with the
/// instructions, they take 0.35 and 0.25 µs. For SHA-512, `sha2` is always as fast.
#[cfg(feature = "jwt-aws-lc")]
fn is_faster_by_aws_lc(algorithm: JwtAlgorithm) -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let has_instructions = std::arch::is_x86_feature_detected!("sha");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    let has_instructions = true;
    algorithm == JwtAlgorithm::HS256 && !has_instructions
}

impl VerifyingKey {
    /// A secret; `None` for an algorithm that is not HMAC.
    pub(super) fn hmac(algorithm: JwtAlgorithm, secret: &[u8]) -> Option<Self> {
        #[cfg(feature = "jwt-aws-lc")]
        let material = if is_faster_by_aws_lc(algorithm) {
            KeyMaterial::aws_lc(algorithm, secret)?
        } else {
            KeyMaterial::hmac(algorithm, secret)?
        };
        #[cfg(not(feature = "jwt-aws-lc"))]
        let material = KeyMaterial::hmac(algorithm, secret)?;
        Some(Self {
            algorithm,
            id: None,
            may_share_id: false,
            material,
        })
    }

    pub(super) const fn public(algorithm: JwtAlgorithm, key: PublicKey) -> Self {
        Self {
            algorithm,
            id: None,
            may_share_id: false,
            material: KeyMaterial::Public(key),
        }
    }
}

/// Compares in constant time.
fn verifies_hmac<M: Mac + Clone>(hmac: &M, message: &[u8], signature: &[u8]) -> bool {
    let mut hmac = hmac.clone();
    hmac.update(message);
    hmac.verify_slice(signature).is_ok()
}

impl fmt::Debug for VerifyingKey {
    /// Never the key itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey")
            .field("algorithm", &self.algorithm)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A signature algorithm (RFC 7518, section 3.1; RFC 8037): the `alg` of a token.
///
/// `none` is not one of them.
///
/// # Example
///
/// ```
/// use wythe::auth::JwtAlgorithm;
///
/// assert_eq!("RS256".parse::<JwtAlgorithm>()?, JwtAlgorithm::RS256);
/// assert!("none".parse::<JwtAlgorithm>().is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on the curve P-256 with SHA-256.
    ES256,
    /// ECDSA on the curve P-384 with SHA-384.
    ES384,
    /// ECDSA on the curve P-521 with SHA-512.
    ES512,
    /// `EdDSA` on the curve Ed25519. A token may also name it `Ed25519` (RFC 9864, section 2.2).
    EdDSA,
}

impl JwtAlgorithm {
    const ALL: [Self; 13] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Whether an `alg` is a name of this algorithm.
    pub(in crate::layers::auth::jwt) fn is_named(self, alg: &str) -> bool {
        alg == self.name() || (self == Self::EdDSA && alg == "Ed25519")
    }

    /// The minimum length in bytes if the keys are secrets, which is the length of the hash (RFC 7518,
    /// section 3.2).
    pub(in crate::layers::auth::jwt) const fn secret_length(self) -> Option<usize> {
        match self {
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            Self::HS512 => Some(64),
            _ => None,
        }
    }

    pub(super) const fn is_rsa(self) -> bool {
        matches!(
            self,
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512
        )
    }
}

impl fmt::Display for JwtAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for JwtAlgorithm {
    type Err = ConfigError;

    /// Parses an `alg`, for example from a configuration file.
    fn from_str(alg: &str) -> Result<Self, ConfigError> {
        let mut all = Self::ALL.into_iter();
        all.find(|algorithm| algorithm.is_named(alg))
            .ok_or_else(|| {
                let message = format!("`{}` is not a supported algorithm", alg.escape_debug());
                ConfigError::new("JwtAlgorithm", message)
            })
    }
}

#[cfg(all(test, feature = "jwt-aws-lc"))]
mod tests {
    use super::{JwtAlgorithm, KeyMaterial};

    /// Which of the libraries is used depends on the processor.
    #[test]
    fn both_libraries_verify_hmacs() {
        let (secret, message): ([u8; 64], &[u8]) = ([7; 64], b"header.payload");
        for algorithm in [
            JwtAlgorithm::HS256,
            JwtAlgorithm::HS384,
            JwtAlgorithm::HS512,
        ] {
            let key = aws_lc_rs::hmac::Key::new(
                match algorithm {
                    JwtAlgorithm::HS256 => aws_lc_rs::hmac::HMAC_SHA256,
                    JwtAlgorithm::HS384 => aws_lc_rs::hmac::HMAC_SHA384,
                    _ => aws_lc_rs::hmac::HMAC_SHA512,
                },
                &secret,
            );
            let signature = aws_lc_rs::hmac::sign(&key, message);
            let signature = signature.as_ref();
            let mut wrong = signature.to_vec();
            wrong[9] ^= 1;
            for (signature, expected) in [
                (signature, true),
                (&wrong, false),
                (&signature[1..], false),
                (&[], false),
            ] {
                let first = KeyMaterial::hmac(algorithm, &secret).unwrap();
                let second = KeyMaterial::aws_lc(algorithm, &secret).unwrap();
                for material in [first, second.clone(), second] {
                    assert_eq!(material.verifies(message, signature), expected);
                    assert!(!material.verifies(b"header.Payload", signature));
                }
            }
        }
        assert!(KeyMaterial::aws_lc(JwtAlgorithm::ES256, &secret).is_none());
    }
}
