//! Checks that a JWK (RFC 7517) is what it is taken for.

use jsonwebtoken::{
    Algorithm,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};

use super::{
    key::{JwtKey, error},
    verifier::{hmac_length, rsa},
};
use crate::wire::ConfigError;

impl JwtKey {
    /// The keys that a JWK is for those of these algorithms that it fits, one for each: an RSA key
    /// may be for `RS256` and `PS256`.
    ///
    /// # Errors
    ///
    /// If no algorithm is allowed, or it fits none of them.
    pub fn jwk_any_of(
        allowed: impl IntoIterator<Item = Algorithm>,
        key: &Jwk,
    ) -> Result<Vec<Self>, ConfigError> {
        let mut misfit = error("an empty list of algorithms allows no key".to_owned());
        let mut keys = Vec::new();
        for algorithm in allowed {
            match Self::jwk(algorithm, key) {
                Ok(key) => keys.push(key),
                Err(error) => misfit = error,
            }
        }
        if keys.is_empty() {
            return Err(misfit);
        }
        Ok(keys)
    }
}

/// Refuses a JWK of another kind, algorithm or purpose.
pub(super) fn check(algorithm: Algorithm, jwk: &Jwk) -> Result<(), ConfigError> {
    // A symmetric JWK where a public key is meant would let anyone sign who can read it.
    let fits = match &jwk.algorithm {
        AlgorithmParameters::OctetKey(_) => hmac_length(algorithm).is_some(),
        AlgorithmParameters::RSA(_) => rsa(algorithm).is_some(),
        AlgorithmParameters::EllipticCurve(key) => matches!(
            (algorithm, &key.curve),
            (Algorithm::ES256, EllipticCurve::P256) | (Algorithm::ES384, EllipticCurve::P384)
        ),
        AlgorithmParameters::OctetKeyPair(key) => {
            algorithm == Algorithm::EdDSA && key.curve == EllipticCurve::Ed25519
        }
        _ => false,
    };
    if !fits {
        return Err(error(format!(
            "the JWK's `kty` or `crv` is not one for {algorithm:?}"
        )));
    }
    let common = &jwk.common;
    // RFC 7517, sections 4.2 to 4.4.
    if common
        .key_algorithm
        .is_some_and(|alg| alg != KeyAlgorithm::from(algorithm))
    {
        return Err(error(format!("the JWK's `alg` is not {algorithm:?}")));
    }
    if common
        .public_key_use
        .as_ref()
        .is_some_and(|purpose| *purpose != PublicKeyUse::Signature)
    {
        return Err(error("the JWK's `use` is not `sig`".to_owned()));
    }
    let operations = common.key_operations.as_ref();
    if operations.is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
        return Err(error("the JWK's `key_ops` lacks `verify`".to_owned()));
    }
    Ok(())
}
