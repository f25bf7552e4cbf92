//! What becomes of requests while the store does not answer.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use super::super::{
    quota::Quota,
    rule::{Rule, error},
};
use crate::wire::ConfigError;

/// What becomes of requests while the store does not answer. There is no default: nobody but you
/// knows what is worse.
///
/// | | protects what is behind it | clients notice | say, for |
/// |---|---|---|---|
/// | `Deny` | yes | all of them: 503 | guesses of passwords, what costs money |
/// | `Allow` | no | nobody | limits for fairness, where the handler survives all the load there is |
/// | `Local` | about | those near their limit | everything else |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// Requests are answered with 503 of type
    /// `https://iana.org/assignments/http-problem-types#temporary-reduced-capacity` and
    /// `Retry-After`.
    Deny,
    /// Requests pass uncounted, without fields.
    Allow,
    /// Each instance counts in its own memory, by its share of every quota: rate and burst divided
    /// by the number of instances, but at least 1 at once. The fields say the share.
    ///
    /// These counts begin whole when the store fails, so that a client may get up to twice its
    /// quota around that moment; those of the store are as they were when it is back. A burst of
    /// fewer units than there are instances is more than its share, one for each instance; a
    /// request that costs more than the share's burst is refused until the store is back.
    Local {
        /// The instances that share the limit. If there are more than that, together they let
        /// more through.
        instances: NonZeroU32,
    },
}

/// The share of one instance of the quotas that all share.
pub(super) fn share(rules: &[Rule], instances: NonZeroU32) -> Result<Arc<[Rule]>, ConfigError> {
    let shares = rules.iter().map(|rule| {
        let burst = (rule.burst() / instances).max(1);
        let one = Duration::from_nanos(rule.interval()).checked_mul(instances.get());
        let one = one.ok_or_else(|| error("a share of the quota would never come back"))?;
        Rule::new(
            Quota::per(1, one)
                .burst(burst)
                .named(rule.name().to_owned()),
        )
    });
    shares.collect()
}
