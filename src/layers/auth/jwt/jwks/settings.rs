//! Holds the settings of a `Jwks`.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use jsonwebtoken::Algorithm;

use super::{
    location::{Location, error},
    transport::Transport,
};
use crate::{
    layers::auth::jwt::verifier::{curve, names, rsa},
    wire::ConfigError,
};

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) location: Location,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) transport: Option<Arc<dyn Transport>>,
    pub(super) timeout: Duration,
    pub(super) max_length: usize,
    pub(super) fresh_for: Duration,
    pub(super) fresh_within: RangeInclusive<Duration>,
    pub(super) cooldown: Duration,
    pub(super) keep_for: Duration,
}

impl Settings {
    pub(super) fn new(location: Location) -> Self {
        Self {
            location,
            algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
            transport: None,
            timeout: Duration::from_secs(10),
            max_length: 1024 * 1024,
            fresh_for: 10 * MINUTE,
            fresh_within: MINUTE..=60 * MINUTE,
            cooldown: Duration::from_secs(30),
            keep_for: 24 * 60 * MINUTE,
        }
    }

    /// Whether a token's `alg` is allowed.
    pub(super) fn allows(&self, algorithm: &str) -> bool {
        let mut allowed = self.algorithms.iter();
        allowed.any(|allowed| names(*allowed).contains(&algorithm))
    }

    /// How long keys are fresh whose document says this.
    pub(super) fn freshness(&self, max_age: Option<Duration>) -> Duration {
        let (least, most) = (*self.fresh_within.start(), *self.fresh_within.end());
        max_age.unwrap_or(self.fresh_for).min(most).max(least)
    }
}

/// Algorithms of public keys, each once.
pub(super) fn algorithms(
    given: impl IntoIterator<Item = Algorithm>,
) -> Result<Vec<Algorithm>, ConfigError> {
    let mut algorithms = Vec::new();
    for algorithm in given {
        if rsa(algorithm).is_none() && curve(algorithm).is_none() {
            let message = format!("{algorithm:?} has no public key that could be fetched");
            return Err(error(message));
        }
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    if algorithms.is_empty() {
        return Err(error("without an algorithm, no token can be verified"));
    }
    Ok(algorithms)
}

/// Refuses what is outside a range.
pub(super) fn within<T: PartialOrd + std::fmt::Debug>(
    what: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<T, ConfigError> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (least, most) = (range.start(), range.end());
    Err(error(format!(
        "{what} must be {least:?} to {most:?}, not {value:?}"
    )))
}
