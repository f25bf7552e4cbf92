//! Reads JSON Web Keys and sets of them (RFC 7517), as far as verification needs it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::signature::JwtAlgorithm;
use crate::{
    layers::auth::jwt::jws::{JsonString, Present, json_object},
    wire::field::base64url,
};

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
    /// Checks that the key may verify (RFC 7517, sections 4.2 and 4.3).
    pub(super) fn check_purpose(&self) -> Result<(), &'static str> {
        let is_other = |purpose: &str| purpose != "sig";
        if self.public_key_use.as_deref().is_some_and(is_other) {
            return Err("its `use` is not `sig`");
        }
        let lacks_verify =
            |operations: &Vec<String>| !operations.iter().any(|operation| operation == "verify");
        if self.key_ops.as_ref().is_some_and(lacks_verify) {
            return Err("its `key_ops` lacks `verify`");
        }
        Ok(())
    }

    /// The key's `alg`, if it is another algorithm (RFC 7517, section 4.4).
    pub(super) fn other_algorithm(&self, algorithm: JwtAlgorithm) -> Option<&str> {
        let alg = self.alg.as_deref();
        alg.filter(|alg| !algorithm.is_named(alg))
    }
}

/// The number of an RSA key or a coordinate, without leading zeros, which some libraries write: Java's
/// `BigInteger` adds one if the first bit is set (RFC 7518, section 6.3.1.1).
pub(super) fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// An uncompressed point of a curve (SEC 1, section 2.3.3) with coordinates of this length. Contrary
/// to RFC 7518, section 6.2.1.2, leading zeros may be missing or superfluous.
pub(super) fn point(x: &[u8], y: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut point = vec![4];
    for coordinate in [significant(x), significant(y)] {
        let zeros = length.checked_sub(coordinate.len())?;
        point.resize(point.len().saturating_add(zeros), 0);
        point.extend_from_slice(coordinate);
    }
    Some(point)
}

impl<'de> Deserialize<'de> for Bytes {
    /// Padding is accepted, although JWKs must not have it (RFC 7515, section 2): some providers write
    /// it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = Vec::new();
        base64url::decode(text.trim_end_matches('=').as_bytes(), &mut bytes)
            .ok_or_else(|| D::Error::custom("invalid base64url"))?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Bytes {
    /// Not the bytes, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// A JWK Set (RFC 7517, section 5), whose keys are not parsed yet: if one of them is invalid, the
/// others can still be used.
#[derive(Deserialize)]
pub(in crate::layers::auth::jwt) struct JwkSet<'a> {
    #[serde(borrow)]
    pub(in crate::layers::auth::jwt) keys: JwkList<'a>,
}

/// The keys of a set, of which only the first are kept: reading a key costs more than skipping it, and
/// the sender decides how long the set is.
pub(in crate::layers::auth::jwt) struct JwkList<'a> {
    pub(in crate::layers::auth::jwt) first: Vec<&'a RawValue>,
    /// The total number of keys.
    pub(in crate::layers::auth::jwt) count: usize,
}

impl JwkList<'_> {
    /// Real sets have a dozen.
    pub(in crate::layers::auth::jwt) const MAX_KEYS: usize = 2_000;
}

impl<'de: 'a, 'a> Deserialize<'de> for JwkList<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = JwkList<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of keys")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut keys: S) -> Result<Self::Value, S::Error> {
                let mut first = Vec::new();
                while first.len() < JwkList::MAX_KEYS {
                    let Some(key) = keys.next_element()? else {
                        break;
                    };
                    first.push(key);
                }
                let mut count = first.len();
                while keys.next_element::<IgnoredAny>()?.is_some() {
                    count = count.saturating_add(1);
                }
                Ok(JwkList { first, count })
            }
        }

        deserializer.deserialize_seq(ListVisitor)
    }
}

/// Reads one key of a set; `None` if it is not a key.
pub(in crate::layers::auth::jwt) fn read_jwk(json: &RawValue) -> Option<Jwk> {
    // Serde would read an array as the members in their order.
    serde_json::from_str(json_object(json.get().as_bytes())?).ok()
}

/// Whether a key of a set is secret: symmetric or private.
pub(in crate::layers::auth::jwt) fn is_secret(json: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct SecretMembers<'a> {
        #[serde(borrow, default)]
        kty: Option<JsonString<'a>>,
        #[serde(default)]
        k: Present,
        #[serde(default)]
        d: Present,
    }

    let members = json_object(json.get().as_bytes())
        .and_then(|json| serde_json::from_str::<SecretMembers<'_>>(json).ok());
    members.is_some_and(|key| key.k.0 || key.d.0 || key.kty.as_deref() == Some("oct"))
}
