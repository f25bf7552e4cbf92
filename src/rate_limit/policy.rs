//! Builds a limit: its quotas, its key, how clients are told of it.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    clock::Clock,
    fields::RateLimitFields,
    quota::Quota,
    rule::{MOST_QUOTAS, Rule, error},
};
use crate::{config_error::ConfigError, field::structured, key::Key};

/// One or more quotas that were checked; made by [`RateLimit::of`]. What is missing is the key.
#[derive(Clone, Debug)]
#[must_use]
pub struct Quotas(pub(super) Arc<[Rule]>);

/// A limit on requests by key: the policy of [`with_rate_limit`](super::with_rate_limit).
///
/// # Example
///
/// ```
/// use wythe::{Quota, RateLimit, with_rate_limit};
///
/// let limit = RateLimit::of([
///     Quota::per_second(5).burst(10).named("burst"),
///     Quota::per_day(1_000).named("daily"),
/// ])?;
/// let layer = with_rate_limit(limit.by_peer().ipv6_prefix(56)?);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct RateLimit<K> {
    pub(super) rules: Arc<[Rule]>,
    pub(super) key: K,
    pub(super) fields: RateLimitFields,
    pub(super) clock: Clock,
}

impl RateLimit<()> {
    /// Limits by one to eight quotas together: a request that one of them refuses is not counted
    /// by the others.
    ///
    /// # Errors
    ///
    /// - no quota, or more than eight;
    /// - a count, burst or period of zero;
    /// - a period that no clock can measure: more than one request a nanosecond, or a burst that
    ///   takes more than 146 years to come back;
    /// - two quotas of one name: all but one need [`Quota::named`];
    /// - a name that is empty or has other characters than printable ASCII, as it is written into
    ///   header fields.
    pub fn of(quotas: impl IntoIterator<Item = Quota>) -> Result<Quotas, ConfigError> {
        let rules: Vec<_> = quotas
            .into_iter()
            .map(Rule::new)
            .collect::<Result<_, _>>()?;
        if rules.is_empty() {
            return Err(error("a limit without a quota would limit nothing"));
        }
        if rules.len() > MOST_QUOTAS {
            return Err(error(format!("a limit has at most {MOST_QUOTAS} quotas")));
        }
        for (n, rule) in rules.iter().enumerate() {
            let name = rule.name();
            if name.is_empty() || structured::string(name).is_none() {
                return Err(error(format!(
                    "the name {name:?} cannot stand in a header field: use printable ASCII"
                )));
            }
            if rules
                .iter()
                .skip(n.saturating_add(1))
                .any(|other| other.name() == name)
            {
                return Err(error(format!(
                    "two quotas have the name {name:?}: tell them apart with `.named(..)`"
                )));
            }
        }
        Ok(Quotas(rules.into()))
    }
}

impl<K: Key> RateLimit<K> {
    /// How clients are told what they have left.
    pub const fn fields(mut self, fields: RateLimitFields) -> Self {
        self.fields = fields;
        self
    }

    /// Goes by another clock: the time since any moment that stays the same. For tests; the
    /// system's monotonic clock unless told.
    ///
    /// While such a clock goes back, quotas do not refill; nobody waits longer than one whole
    /// quota takes to come back.
    pub fn clock(mut self, now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Clock::Given(Arc::new(now));
        self
    }
}

impl<K> fmt::Debug for RateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("quotas", &self.rules)
            .field("fields", &self.fields)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
