//! Holds the settings of a `Jwt`, and verifies tokens by them.

use serde::de::DeserializeOwned;

use super::{
    claims::{self, Rules},
    header::Header,
    key::JwtKey,
    refusal::{JwtRefusal, Refusals},
    token::Token,
};
use crate::{clock::Clock, config_error::ConfigError};

/// What a `Jwt` checks, and with what.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) keys: Vec<JwtKey>,
    pub(super) rules: Rules,
    pub(super) typ: Option<String>,
    pub(super) cookie: Option<String>,
    pub(super) max_length: usize,
    pub(super) clock: Clock,
    pub(super) refusals: Refusals,
}

impl Settings {
    pub(super) fn new(keys: Vec<JwtKey>) -> Result<Self, ConfigError> {
        check_keys(&keys)?;
        Ok(Self {
            keys,
            rules: Rules::default(),
            typ: None,
            cookie: None,
            max_length: 8 * 1024,
            clock: Clock::default(),
            refusals: Refusals::of_realm("api".to_owned())?,
        })
    }

    /// The claims of a token that passes.
    pub(super) fn verify<C: DeserializeOwned>(&self, token: &[u8]) -> Result<C, JwtRefusal> {
        if token.len() > self.max_length {
            return Err(JwtRefusal::TooLong);
        }
        let token = Token::read(token)?;
        Header::read(token.header, |header| self.check_signature(&token, header))?;
        claims::read(token.claims()?, &self.rules, self.clock.since_epoch())
    }

    fn check_signature(&self, token: &Token<'_>, header: &Header<'_>) -> Result<(), JwtRefusal> {
        let typ = self.typ.as_deref();
        if typ.is_some_and(|typ| !header.is_of_type(typ)) {
            return Err(JwtRefusal::Type);
        }
        let id = header.kid.as_deref();
        let named = id.is_some() && self.keys.iter().any(|key| key.key_id() == id);
        let mut reason = JwtRefusal::Key;
        for key in &self.keys {
            // With a `kid`, the keys of that id, or else those without one.
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

fn check_keys(keys: &[JwtKey]) -> Result<(), ConfigError> {
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
