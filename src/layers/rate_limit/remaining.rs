//! What a [`Handle`](super::Handle) tells.

use std::time::Duration;

use super::{plan::Plan, verdict::Verdict};

/// What is left of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    name: String,
    limit: u32,
    units: u32,
    next: Option<Duration>,
}

/// What a limit has refused since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests that were answered with 429 because a quota was spent.
    pub refused: u64,
    /// Requests that would have been refused, but for the shadow mode.
    pub would_refuse: u64,
}

impl Remaining {
    /// The name of the quota.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The most that can be left: the quota's burst.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// The units that are left: requests, unless requests cost something else.
    #[must_use]
    pub const fn units(&self) -> u32 {
        self.units
    }

    /// The time until there is one more, in whole seconds; `None` if the quota is whole.
    #[must_use]
    pub const fn next(&self) -> Option<Duration> {
        self.next
    }
}

pub(super) fn in_words(plan: &Plan, verdict: &Verdict) -> Vec<Remaining> {
    let standings = verdict.standings(&plan.rules);
    let remaining = standings.map(|(_, rule, standing)| Remaining {
        name: rule.name().to_owned(),
        limit: rule.burst(),
        units: standing.remaining,
        next: standing.wait.map(Duration::from_secs),
    });
    remaining.collect()
}
