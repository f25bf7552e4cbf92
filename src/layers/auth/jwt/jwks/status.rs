//! Tells how it stands with the keys.

use std::time::Duration;

use super::JwksError;

/// How it stands with the keys of a [`Jwks`](super::Jwks): for health checks and metrics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JwksStatus {
    /// The keys of the last set that can be used.
    pub keys: usize,
    /// Those that can't: of another kind, algorithm or purpose, secret, or broken.
    pub skipped: usize,
    /// The time since they were fetched; none before the first.
    pub age: Option<Duration>,
    /// Whether tokens can be verified with them. If not, requests wait for a fetch, or are answered
    /// 503 while it fails.
    pub is_usable: bool,
    /// Fetches that were begun since it was made.
    pub fetches: u64,
    /// Fetches that have failed since the last success.
    pub failures: u32,
    /// Why the last fetch has failed, if it has.
    pub last_failure: Option<JwksError>,
}
