//! Builds a limit: [`RateLimit`].

use std::{fmt, sync::Arc, time::Duration};

#[cfg(feature = "rate-limit-redis")]
use super::quota::error;
#[cfg(feature = "rate-limit-redis")]
use super::redis::RedisOptions;
use super::{
    cost::Answered,
    gcra::Gcra,
    memory::{Capacity, Memory, Overflow},
    plan::{PlanChoice, RateLimitFields},
};
use crate::{
    request::{
        RequestHead,
        key::{AfterAuth, Key, ipv6_prefix},
    },
    support::clock::Clock,
    wire::ConfigError,
};

/// A limit on requests by key: the policy of [`with_rate_limit`](crate::with_rate_limit).
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

/// A limit without its key.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) plans: PlanChoice,
    pub(super) cost: Option<Arc<dyn Fn(&RequestHead<'_>) -> u32 + Send + Sync>>,
    /// What a request costs in the end, from the response and what was taken before.
    pub(super) settle: Option<Arc<dyn Fn(&Answered<'_>, u32) -> u32 + Send + Sync>>,
    /// Whether a request may cost something else than 1, or nothing.
    pub(super) weighted: bool,
    pub(super) exempt: Option<Arc<dyn Fn(&RequestHead<'_>) -> bool + Send + Sync>>,
    fields: RateLimitFields,
    pub(super) jitter: Duration,
    pub(super) shadow: bool,
    pub(super) clock: Clock,
    /// How much memory keeps; set by `max_keys`.
    pub(super) capacity: Option<Capacity>,
    /// For each plan the quotas of this instance alone, while Redis does not answer; none if they
    /// are not needed.
    pub(super) shares: Vec<Arc<[Gcra]>>,
    /// Where the counts are, if not in memory.
    #[cfg(feature = "rate-limit-redis")]
    pub(super) redis: Option<Arc<RedisOptions>>,
}

impl Options {
    pub(super) fn new(plans: PlanChoice) -> Self {
        Self {
            plans,
            cost: None,
            settle: None,
            weighted: false,
            exempt: None,
            fields: RateLimitFields::Draft,
            jitter: Duration::ZERO,
            shadow: false,
            clock: Clock::system(),
            capacity: None,
            shares: Vec::new(),
            #[cfg(feature = "rate-limit-redis")]
            redis: None,
        }
    }

    /// The fields that clients see: none in shadow mode.
    pub(super) const fn visible_fields(&self) -> RateLimitFields {
        if self.shadow {
            return RateLimitFields::None;
        }
        self.fields
    }

    /// Memory for the counts of every plan.
    pub(super) fn memory(&self) -> Memory {
        let width = self.plans.all().map(|quotas| quotas.len()).max();
        let width = width.unwrap_or_default();
        let capacity = self.capacity.unwrap_or_default();
        let first = self.plans.all().next().into_iter();
        let names: Vec<_> = first
            .flat_map(|quotas| quotas.iter().map(Gcra::name))
            .collect();
        Memory::new(capacity, width, self.clock.clone()).of(&names.join(","))
    }

    /// Rejects a bound of memory that nothing is kept in.
    pub(super) fn check_capacity(&self) -> Result<(), ConfigError> {
        #[cfg(feature = "rate-limit-redis")]
        if self.capacity.is_some() && self.redis.is_some() && self.shares.is_empty() {
            return Err(error(
                "`max_keys` bounds the keys in memory, and this limit keeps all of its counts in \
                 Redis: leave `max_keys` out, or count in memory while Redis does not answer, with \
                 `OnFailure::Local`",
            ));
        }
        Ok(())
    }
}

impl<K> RateLimit<K> {
    /// Which header fields tell clients what they have left.
    pub const fn fields(mut self, fields: RateLimitFields) -> Self {
        self.options.fields = fields;
        self
    }

    /// Lets requests pass uncounted for which the closure returns `true`: health checks, your own
    /// machines. They need no key.
    ///
    /// If the closure asks for a [route](RequestHead::route) that is not known, the request is counted.
    /// For a list of routes, see [`With::except_routes`](crate::With::except_routes).
    ///
    /// # Security
    ///
    /// Do not decide by anything that a client can choose.
    pub fn exempt(
        mut self,
        exempt: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.options.exempt = Some(Arc::new(exempt));
        self
    }

    /// Counts requests and logs those that it would refuse, but lets all of them pass: to try a
    /// limit out.
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

    /// Adds a random time of up to `most` to each `Retry-After`, in whole seconds, so that clients
    /// that were refused together do not come back together. None by default.
    pub const fn retry_jitter(mut self, most: Duration) -> Self {
        self.options.jitter = most;
        self
    }

    /// Goes by another clock: a [`ManualClock`](crate::ManualClock) in tests. By default the
    /// system's, whose monotonic time nobody can set.
    ///
    /// A date that is set back neither frees nor locks anyone: time goes on from where it was.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.options.clock = clock.into();
        self
    }

    /// The most keys that are kept at a time, and what happens to the next one. By default
    /// 1,000,000 and [`Overflow::Evict`].
    ///
    /// Only keys whose quotas are not whole count. One takes up to 48 bytes for one quota and 16
    /// more for each other. More than 2,048 keys are kept in shards that fill up almost evenly: the
    /// first can be full when nine tenths of all are in use.
    ///
    /// Idle keys are dropped by the checks, without a thread: a check goes through at most 2,047
    /// keys in its own shard and in one other, which takes about 60 microseconds. When very many
    /// become idle at once, an allocator that returns memory to the system may take longer.
    ///
    /// # Example: for a small machine
    ///
    /// ```
    /// use wythe::{Quota, rate_limit::Overflow, with_rate_limit};
    ///
    /// // At most 5 MB.
    /// let limit = Quota::per_minute(100).by_peer()?;
    /// let layer = with_rate_limit(limit.max_keys(100_000, Overflow::Refuse)?);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it is 0, or if the limit is in Redis and keeps nothing in memory: with `OnFailure::Deny` or
    /// `OnFailure::Allow`.
    pub fn max_keys(mut self, keys: usize, overflow: Overflow) -> Result<Self, ConfigError> {
        self.options.capacity = Some(Capacity::new(keys, overflow)?);
        self.options.check_capacity()?;
        Ok(self)
    }
}

impl<K: Key> RateLimit<K> {
    /// Stands inside authentication, at stage [`Quota`](crate::stage::Quota), because the key is
    /// made from what is known only there.
    pub fn after_auth(self) -> RateLimit<AfterAuth<K>> {
        RateLimit {
            key: AfterAuth(self.key),
            options: self.options,
        }
    }
}

ipv6_prefix!(RateLimit);

impl<K> fmt::Debug for RateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("quotas", &self.options.plans)
            .field("fields", &self.options.fields)
            .field("shadow", &self.options.shadow)
            .field("clock", &self.options.clock)
            .finish_non_exhaustive()
    }
}
