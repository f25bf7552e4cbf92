//! Reads a key set (RFC 7517, section 5).

use jsonwebtoken::{
    Algorithm,
    jwk::{AlgorithmParameters, Jwk},
};
use serde::Deserialize;
use serde_json::Value;

use super::{JwksError, metadata::malformed};
use crate::layers::auth::jwt::{key::JwtKey, text::object};

/// The most keys that can be used. A token without a `kid` is tried with each of its algorithm.
const MOST_KEYS: usize = 32;

/// What is used of a key set.
#[derive(Debug)]
pub(super) struct Set {
    /// One for each algorithm of each key.
    pub(super) keys: Vec<JwtKey>,
    pub(super) known: Vec<Known>,
    pub(super) skipped: Skipped,
}

/// What tells a key from others.
#[derive(Debug, PartialEq)]
pub(super) struct Known {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    parameters: AlgorithmParameters,
}

/// The keys of a set that are not used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Skipped {
    /// Secrets, which have no place where everyone can read them.
    pub(super) secret: usize,
    /// Those for other algorithms or purposes, of unknown kinds, or broken.
    pub(super) other: usize,
}

impl Skipped {
    pub(super) const fn total(self) -> usize {
        self.secret.saturating_add(self.other)
    }
}

/// The keys of a set that verify tokens of the allowed algorithms. What is not understood, or made
/// for something else, is skipped.
pub(super) fn read(body: &[u8], allowed: &[Algorithm]) -> Result<Set, JwksError> {
    const WHAT: &str = "a key set";
    let json = object(body).ok_or_else(|| malformed(WHAT, None))?;
    let document: Document =
        serde_json::from_str(json).map_err(|error| malformed(WHAT, Some(&error)))?;
    let mut set = Set {
        keys: Vec::new(),
        known: Vec::new(),
        skipped: Skipped::default(),
    };
    for key in document.keys {
        set.add(key, allowed);
        if set.known.len() > MOST_KEYS {
            return Err(JwksError::TooManyKeys);
        }
    }
    if set.known.is_empty() {
        return Err(JwksError::no_key(set.skipped));
    }
    Ok(set)
}

/// A JWK set; members that are not understood are ignored (RFC 7517, section 5).
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl Set {
    fn add(&mut self, key: Value, allowed: &[Algorithm]) {
        if is_secret(&key) {
            self.skipped.secret = self.skipped.secret.saturating_add(1);
            return;
        }
        let Some((jwk, keys)) = usable(key, allowed) else {
            self.skipped.other = self.skipped.other.saturating_add(1);
            return;
        };
        self.known.push(Known {
            id: jwk.common.key_id,
            algorithms: keys.iter().map(JwtKey::algorithm).collect(),
            parameters: jwk.algorithm,
        });
        self.keys.extend(keys);
    }
}

/// A symmetric key, or a private one: whoever can read the set could sign with it.
fn is_secret(key: &Value) -> bool {
    key.get("kty").is_some_and(|kty| kty == "oct")
        || key.get("k").is_some()
        || key.get("d").is_some()
}

/// A key for each of the algorithms that it is allowed and made for.
fn usable(mut key: Value, allowed: &[Algorithm]) -> Option<(Jwk, Vec<JwtKey>)> {
    // The newer name of the same (RFC 9864, section 2.2).
    if let Some(alg) = key.get_mut("alg").filter(|alg| **alg == "Ed25519") {
        *alg = Value::from("EdDSA");
    }
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let keys: Vec<JwtKey> = allowed
        .iter()
        .filter_map(|algorithm| JwtKey::jwk(*algorithm, &jwk).ok())
        .collect();
    (!keys.is_empty()).then_some((jwk, keys))
}
