//! Builds a limit: its quotas, how clients are told of it, whom it spares.

use std::{fmt, sync::Arc, time::Duration};

use http::request::Parts;

use super::{
    clock::Clock,
    counting::Counting,
    fields::RateLimitFields,
    plans::Choice,
    quota::Quota,
    rule::{Rule, error},
    store::Capacity,
    verdict::MOST_QUOTAS,
};
use crate::wire::{ConfigError, field::structured};

/// One or more quotas that were checked; made by [`RateLimit::of`]. What is missing is the key.
#[derive(Clone, Debug)]
#[must_use]
pub struct Quotas(pub(super) Choice);

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
    pub(super) key: K,
    pub(super) options: Options,
}

/// All that a limit is but its key.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) choice: Choice,
    pub(super) counting: Counting,
    pub(super) exempt: Option<Arc<dyn Fn(&Parts) -> bool + Send + Sync>>,
    pub(super) fields: RateLimitFields,
    pub(super) jitter: Duration,
    pub(super) shadow: bool,
    pub(super) clock: Clock,
    pub(super) capacity: Capacity,
    /// Where the counts are, if not in memory.
    #[cfg(feature = "rate-limit-redis")]
    pub(super) sharing: Option<Arc<super::shared::Sharing>>,
}

impl Options {
    /// How clients are told: not at all in shadow mode.
    pub(super) const fn told(&self) -> RateLimitFields {
        if self.shadow {
            return RateLimitFields::None;
        }
        self.fields
    }

    pub(super) fn new(choice: Choice) -> Self {
        Self {
            choice,
            counting: Counting::default(),
            exempt: None,
            fields: RateLimitFields::Draft,
            jitter: Duration::ZERO,
            shadow: false,
            clock: Clock::monotonic(),
            capacity: Capacity::default(),
            #[cfg(feature = "rate-limit-redis")]
            sharing: None,
        }
    }
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
        Ok(Quotas(Choice::only(rules(quotas)?)))
    }
}

/// Checks quotas that go together.
pub(super) fn rules(quotas: impl IntoIterator<Item = Quota>) -> Result<Arc<[Rule]>, ConfigError> {
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
    Ok(rules.into())
}

impl<K> RateLimit<K> {
    /// How clients are told what they have left.
    pub const fn fields(mut self, fields: RateLimitFields) -> Self {
        self.options.fields = fields;
        self
    }

    /// Lets requests pass uncounted for which the closure returns `true`: health checks, your own
    /// machines. They need no key.
    ///
    /// # Security
    ///
    /// What exempts must not be in the client's hand.
    pub fn exempt(mut self, exempt: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.options.exempt = Some(Arc::new(exempt));
        self
    }

    /// Counts, and logs what it would refuse, but lets everything pass: to try a limit out.
    ///
    /// Each request that would have been refused is one `tracing` event at level `info` of target
    /// `wythe`, with the names of the quotas and without the key; [`Handle::counts`] has their
    /// number. Clients see no fields. A request without a key is still refused.
    ///
    /// [`Handle::counts`]: super::Handle::counts
    pub const fn shadow(mut self) -> Self {
        self.options.shadow = true;
        self
    }

    /// Adds a random time of up to so many seconds to each `Retry-After`, so that clients that
    /// were refused together do not come back together. None unless told.
    pub const fn retry_jitter(mut self, most: Duration) -> Self {
        self.options.jitter = most;
        self
    }

    /// Goes by another clock: the time since any moment that stays the same. For tests; the
    /// system's monotonic clock unless told.
    ///
    /// A clock that is set back neither frees nor locks anyone: time goes on from where it was.
    /// One that leaps ahead frees nobody more than the time that it claims to be over does.
    pub fn clock(mut self, now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.options.clock = Clock::given(now);
        self
    }
}

impl<K> fmt::Debug for RateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("quotas", &self.options.choice)
            .field("fields", &self.options.fields)
            .field("shadow", &self.options.shadow)
            .field("clock", &self.options.clock)
            .finish_non_exhaustive()
    }
}
