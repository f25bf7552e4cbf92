//! Holds the settings of a `Basic`.

use http::HeaderValue;

use super::{refusal::Refusals, turns::Turns};
use crate::wire::{ConfigError, field::Challenge};

/// What a `Basic` answers, and how much it checks at a time.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) challenge: HeaderValue,
    pub(super) refusals: Refusals,
    pub(super) turns: Turns,
    /// The hash with which passwords of unknown users are compared.
    #[cfg(feature = "basic-argon2")]
    pub(super) decoy: std::sync::Arc<str>,
}

impl Settings {
    pub(super) fn new(realm: &str, turns: Turns) -> Result<Self, ConfigError> {
        // RFC 7617, sections 2 and 2.1.
        let challenge = Challenge::new("Basic")?
            .parameter("realm", realm)?
            .parameter("charset", "UTF-8")?;
        Ok(Self {
            challenge: challenge.into(),
            refusals: Refusals::new(),
            turns,
            #[cfg(feature = "basic-argon2")]
            decoy: super::hashed::DECOY.into(),
        })
    }
}
