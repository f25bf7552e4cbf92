//! Finds the key that a token is signed with.

use super::{header::Header, key::JwtKey, refusal::JwtRefusal, token::Token};
use crate::wire::ConfigError;

/// The keys of one issuer, each for one algorithm.
#[derive(Clone, Debug)]
pub(super) struct KeySet(Vec<JwtKey>);

impl KeySet {
    pub(super) fn new(keys: Vec<JwtKey>) -> Result<Self, ConfigError> {
        check(&keys)?;
        Ok(Self(keys))
    }

    /// Keys that were fetched: as many as there are, and what others have written as ids.
    #[cfg(feature = "jwks")]
    pub(super) const fn fetched(keys: Vec<JwtKey>) -> Self {
        Self(keys)
    }

    /// Whether a key has this id.
    #[cfg(feature = "jwks")]
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.key_id() == Some(id))
    }

    /// Whether the token is signed with the key that its header means. [`JwtRefusal::Key`] says
    /// that there is none.
    ///
    /// With a `kid`, that is the key of this id, or else those without one; without a `kid`, each
    /// of the algorithm.
    pub(super) fn check(&self, token: &Token<'_>, header: &Header<'_>) -> Result<(), JwtRefusal> {
        let id = header.kid.as_deref();
        let named = id.is_some() && self.0.iter().any(|key| key.key_id() == id);
        let mut reason = JwtRefusal::Key;
        for key in &self.0 {
            let meant = id.is_none() || key.key_id() == id.filter(|_| named);
            if meant && key.is_for(&header.alg) {
                if key.verifies(token.signed, token.signature()) {
                    return Ok(());
                }
                reason = JwtRefusal::Signature;
            }
        }
        Err(reason)
    }
}

fn check(keys: &[JwtKey]) -> Result<(), ConfigError> {
    if keys.is_empty() {
        return Err(ConfigError::new(
            "Jwt",
            "without a key, no token can be verified",
        ));
    }
    // A token without a `kid` is tried with each.
    if keys.len() > 32 {
        return Err(ConfigError::new("Jwt", "more than 32 keys"));
    }
    for (at, key) in keys.iter().enumerate() {
        let same =
            |other: &JwtKey| other.key_id() == key.key_id() && other.algorithm() == key.algorithm();
        if let Some(id) = key.key_id().filter(|_| keys.iter().skip(at + 1).any(same)) {
            let algorithm = key.algorithm();
            let message = format!("two keys for {algorithm:?} have the id `{id}`");
            return Err(ConfigError::new("Jwt", message));
        }
    }
    Ok(())
}
