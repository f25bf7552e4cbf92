//! Counts what a store does, for metrics.

use crate::support::redis::Counter;

/// What a store of shared limits has done since it was made, all limits together; see
/// [`RedisStore::metrics`](super::RedisStore::metrics).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisMetrics {
    /// Commands that were sent to the server. With leases there are fewer of them than requests.
    pub round_trips: u64,
    /// Requests that were decided from a lease, without asking the server.
    pub leased: u64,
    /// Commands that failed: with an error, without a connection, or by the timeout.
    pub failures: u64,
    /// Commands that had no answer in time; they are among the failures.
    pub timeouts: u64,
    /// Requests that were treated as [`OnFailure`](super::OnFailure) says.
    pub undecided: u64,
    /// Charges after the response that were lost because the server did not answer.
    pub lost_charges: u64,
    /// How often the store was given up.
    pub opened: u64,
    /// Whether it is given up now.
    pub is_open: bool,
}

/// What only limits count; the server counts the rest.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) leased: Counter,
    pub(super) undecided: Counter,
    pub(super) lost_charges: Counter,
}
