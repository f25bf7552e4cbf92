//! Reads JSON Web Keys (RFC 7517), as far as they are used to verify.

use serde::{Deserialize, Deserializer, de::Error};

use super::signature::JwtAlgorithm;
use crate::wire::field::base64url;

/// A JSON Web Key. Members that are not used here are ignored (RFC 7517, section 4).
#[derive(Deserialize)]
pub(in crate::layers::auth::jwt) struct Jwk {
    #[serde(default)]
    pub(in crate::layers::auth::jwt) kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    public_key_use: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(flatten)]
    pub(in crate::layers::auth::jwt) parameters: JwkParameters,
}

/// The key itself (RFC 7518, section 6; RFC 8037, section 2).
#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "kty")]
pub(in crate::layers::auth::jwt) enum JwkParameters {
    #[serde(rename = "RSA")]
    Rsa { n: Bytes, e: Bytes },
    #[serde(rename = "EC")]
    EllipticCurve { crv: String, x: Bytes, y: Bytes },
    #[serde(rename = "OKP")]
    OctetKeyPair { crv: String, x: Bytes },
    #[serde(rename = "oct")]
    Secret { k: Bytes },
}

/// Bytes in base64url.
#[derive(PartialEq)]
pub(in crate::layers::auth::jwt) struct Bytes(pub(super) Vec<u8>);

impl Jwk {
    /// Checks that the key is meant to verify this algorithm (RFC 7517, sections 4.2 to 4.4).
    pub(super) fn check_purpose(&self, algorithm: JwtAlgorithm) -> Result<(), &'static str> {
        let Self {
            alg,
            public_key_use,
            key_ops,
            ..
        } = self;
        if alg.as_deref().is_some_and(|alg| !algorithm.is_named(alg)) {
            return Err("the JWK's `alg` is a different algorithm");
        }
        if public_key_use
            .as_deref()
            .is_some_and(|purpose| purpose != "sig")
        {
            return Err("the JWK's `use` is not `sig`");
        }
        let allows_verify = |operations: &Vec<String>| operations.iter().any(|it| it == "verify");
        if key_ops
            .as_ref()
            .is_some_and(|operations| !allows_verify(operations))
        {
            return Err("the JWK's `key_ops` lacks `verify`");
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = Vec::new();
        base64url::decode(text.as_bytes(), &mut bytes)
            .ok_or_else(|| D::Error::custom("invalid base64url"))?;
        Ok(Self(bytes))
    }
}

impl std::fmt::Debug for Bytes {
    /// They may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
