//! Public keys by the crates of `RustCrypto`.
//!
//! Verification handles no secrets, so the timing of `rsa` (RUSTSEC-2023-0071) does not matter here.

use std::error::Error;

use ed25519_dalek::pkcs8::DecodePublicKey;
use p256::ecdsa::signature::Verifier;
use rsa::{
    BoxedUint,
    pkcs1::{self, der::Decode},
    pkcs8::SubjectPublicKeyInfoRef,
};
use sha2::{Sha256, Sha384, Sha512};

use super::{JwtAlgorithm, check_rsa_size, unsupported, wrong_kind};
use crate::wire::ConfigError;

/// A public key, parsed once.
#[derive(Clone)]
pub(super) enum PublicKey {
    Rsa(JwtAlgorithm, Box<rsa::PublicKey>),
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<p521::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

impl PublicKey {
    /// Takes a key in DER, or the point of a curve.
    pub(super) fn new(algorithm: JwtAlgorithm, bytes: &[u8]) -> Result<Self, ConfigError> {
        match algorithm {
            JwtAlgorithm::ES256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes)
                .or_else(|_| p256::ecdsa::VerifyingKey::from_public_key_der(bytes))
                .map(|key| Self::P256(Box::new(key)))
                .map_err(|source| wrong_kind(algorithm, source)),
            JwtAlgorithm::ES384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(bytes)
                .or_else(|_| p384::ecdsa::VerifyingKey::from_public_key_der(bytes))
                .map(|key| Self::P384(Box::new(key)))
                .map_err(|source| wrong_kind(algorithm, source)),
            JwtAlgorithm::ES512 => p521::ecdsa::VerifyingKey::from_sec1_bytes(bytes)
                .or_else(|_| p521::ecdsa::VerifyingKey::from_public_key_der(bytes))
                .map(|key| Self::P521(Box::new(key)))
                .map_err(|source| wrong_kind(algorithm, source)),
            JwtAlgorithm::EdDSA => match bytes.try_into() {
                Ok(point) => ed25519_dalek::VerifyingKey::from_bytes(point)
                    .map_err(|source| wrong_kind(algorithm, source)),
                Err(_) => ed25519_dalek::VerifyingKey::from_public_key_der(bytes)
                    .map_err(|source| wrong_kind(algorithm, source)),
            }
            .map(|key| Self::Ed25519(Box::new(key))),
            algorithm if algorithm.is_rsa() => {
                // `SubjectPublicKeyInfo`, or its content: PKCS #1.
                let info = SubjectPublicKeyInfoRef::from_der(bytes).ok();
                let inner = info
                    .as_ref()
                    .and_then(|info| info.subject_public_key.as_bytes());
                let key = pkcs1::RsaPublicKeyRef::from_der(inner.unwrap_or(bytes))
                    .map_err(|source| wrong_kind(algorithm, source))?;
                Self::rsa(
                    algorithm,
                    key.modulus.as_bytes(),
                    key.public_exponent.as_bytes(),
                )
            }
            _ => Err(unsupported(algorithm)),
        }
    }

    /// Takes an RSA key's modulus and exponent.
    pub(super) fn rsa(algorithm: JwtAlgorithm, n: &[u8], e: &[u8]) -> Result<Self, ConfigError> {
        if !algorithm.is_rsa() {
            return Err(unsupported(algorithm));
        }
        let n = BoxedUint::from_be_slice_vartime(n);
        check_rsa_size(n.bit_width_vartime())?;
        let e = BoxedUint::from_be_slice_vartime(e);
        let key = rsa::PublicKey::new_with_size_limits(n, e, 2048..=8192)
            .map_err(|source| wrong_kind(algorithm, source))?;
        Ok(Self::Rsa(algorithm, Box::new(key)))
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verify(message, signature).is_ok()
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Rsa(algorithm, key) => verify_rsa(*algorithm, key, message, signature)?,
            Self::P256(key) => {
                let signature = p256::ecdsa::Signature::from_slice(signature)?;
                key.verify(message, &signature)?;
            }
            Self::P384(key) => {
                let signature = p384::ecdsa::Signature::from_slice(signature)?;
                key.verify(message, &signature)?;
            }
            Self::P521(key) => {
                let signature = p521::ecdsa::Signature::from_slice(signature)?;
                key.verify(message, &signature)?;
            }
            Self::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature)?;
                key.verify_strict(message, &signature)?;
            }
        }
        Ok(())
    }
}

/// The salt of RSASSA-PSS is as long as the hash (RFC 7518, section 3.5).
fn verify_rsa(
    algorithm: JwtAlgorithm,
    key: &rsa::PublicKey,
    message: &[u8],
    signature: &[u8],
) -> rsa::Result<()> {
    match algorithm {
        JwtAlgorithm::RS256 => key.pkcs1v15_verify::<Sha256>(message, signature),
        JwtAlgorithm::RS384 => key.pkcs1v15_verify::<Sha384>(message, signature),
        JwtAlgorithm::RS512 => key.pkcs1v15_verify::<Sha512>(message, signature),
        JwtAlgorithm::PS256 => key.pss_verify::<Sha256>(message, signature),
        JwtAlgorithm::PS384 => key.pss_verify::<Sha384>(message, signature),
        JwtAlgorithm::PS512 => key.pss_verify::<Sha512>(message, signature),
        _ => Err(rsa::Error::Verification),
    }
}

#[cfg(all(test, feature = "jwt-aws-lc"))]
mod tests {
    use aws_lc_rs::{
        encoding::{AsDer, PublicKeyX509Der},
        rand::SystemRandom,
        rsa::KeySize,
        signature::{
            ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
            ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
            RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
            RSA_PSS_SHA512, RsaKeyPair,
        },
    };

    use super::{super::aws_lc, JwtAlgorithm, PublicKey};

    const MESSAGE: &[u8] = b"header.payload";

    /// Both libraries accept the signature, and both reject it if a bit or its length differs.
    fn assert_both_verify(algorithm: JwtAlgorithm, key: &[u8], signature: &[u8]) {
        let first = aws_lc::PublicKey::new(algorithm, key).unwrap();
        let second = PublicKey::new(algorithm, key).unwrap();
        let verify = |message: &[u8], signature: &[u8]| {
            let verified = first.verifies(message, signature);
            assert_eq!(
                verified,
                second.verifies(message, signature),
                "{algorithm:?}"
            );
            verified
        };
        assert!(verify(MESSAGE, signature), "{algorithm:?}");
        assert!(!verify(b"header.Payload", signature));
        for at in 0..signature.len() {
            let mut other = signature.to_vec();
            other[at] ^= 1;
            assert!(!verify(MESSAGE, &other), "{algorithm:?}, byte {at}");
            if at % 16 == 0 {
                assert!(!verify(MESSAGE, &signature[..at]));
            }
        }
        assert!(!verify(MESSAGE, &[signature, &[0]].concat()));
        assert!(!verify(MESSAGE, &vec![0; signature.len()]));
        assert!(!verify(MESSAGE, &vec![0xff; signature.len()]));
    }

    #[test]
    fn both_libraries_verify_rsa_signatures() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let info = AsDer::<PublicKeyX509Der<'_>>::as_der(public).unwrap();
        let random = SystemRandom::new();
        for (algorithm, padding) in [
            (
                JwtAlgorithm::RS256,
                &RSA_PKCS1_SHA256 as &dyn aws_lc_rs::signature::RsaEncoding,
            ),
            (JwtAlgorithm::RS384, &RSA_PKCS1_SHA384),
            (JwtAlgorithm::RS512, &RSA_PKCS1_SHA512),
            (JwtAlgorithm::PS256, &RSA_PSS_SHA256),
            (JwtAlgorithm::PS384, &RSA_PSS_SHA384),
            (JwtAlgorithm::PS512, &RSA_PSS_SHA512),
        ] {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &random, MESSAGE, &mut signature)
                .unwrap();
            assert_both_verify(algorithm, info.as_ref(), &signature);
            // The same key as PKCS #1.
            assert_both_verify(algorithm, public.as_ref(), &signature);
        }
    }

    #[test]
    fn both_libraries_verify_elliptic_curve_signatures() {
        let random = SystemRandom::new();
        for (algorithm, curve) in [
            (JwtAlgorithm::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING),
            (JwtAlgorithm::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING),
            (JwtAlgorithm::ES512, &ECDSA_P521_SHA512_FIXED_SIGNING),
        ] {
            let pair = EcdsaKeyPair::generate(curve).unwrap();
            let signature = pair.sign(&random, MESSAGE).unwrap();
            let public = pair.public_key();
            let info = AsDer::<PublicKeyX509Der<'_>>::as_der(public).unwrap();
            assert_both_verify(algorithm, info.as_ref(), signature.as_ref());
            assert_both_verify(algorithm, public.as_ref(), signature.as_ref());
        }
        let pair = Ed25519KeyPair::generate().unwrap();
        let signature = pair.sign(MESSAGE);
        let public = pair.public_key();
        let info = AsDer::<PublicKeyX509Der<'_>>::as_der(public).unwrap();
        assert_both_verify(JwtAlgorithm::EdDSA, info.as_ref(), signature.as_ref());
        assert_both_verify(JwtAlgorithm::EdDSA, public.as_ref(), signature.as_ref());
    }

    #[test]
    fn both_libraries_reject_the_same_keys() {
        let small = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let point = Ed25519KeyPair::generate().unwrap();
        let curve = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let keys = [
            small.public_key().as_ref(),
            point.public_key().as_ref(),
            curve.public_key().as_ref(),
            &[],
            &[0],
            &[4; 65],
            &[0x30, 0x03, 0x02, 0x01, 0x01],
        ];
        for key in keys {
            for algorithm in [
                JwtAlgorithm::HS256,
                JwtAlgorithm::RS256,
                JwtAlgorithm::PS512,
                JwtAlgorithm::ES256,
                JwtAlgorithm::ES384,
                JwtAlgorithm::ES512,
                JwtAlgorithm::EdDSA,
            ] {
                assert_eq!(
                    aws_lc::PublicKey::new(algorithm, key).is_ok(),
                    PublicKey::new(algorithm, key).is_ok(),
                    "{algorithm:?} {key:?}"
                );
            }
        }
        // 1024 bits, and an even modulus.
        for n in [
            vec![0xff; 128],
            [vec![0xff; 255], vec![0xfe]].concat(),
            vec![0; 256],
        ] {
            assert!(aws_lc::PublicKey::rsa(JwtAlgorithm::RS256, &n, &[1, 0, 1]).is_err());
            assert!(PublicKey::rsa(JwtAlgorithm::RS256, &n, &[1, 0, 1]).is_err());
        }
    }
}
