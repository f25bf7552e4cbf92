//! The options of a limit besides its quotas and its key: [`RateLimit`], and the arguments and results
//! of its closures.

use std::{fmt, sync::Arc, time::Duration};

use http::{Extensions, HeaderMap, Response, StatusCode, header};
use http_body::Body;

#[cfg(feature = "rate-limit-redis")]
use super::quota::error;
#[cfg(feature = "rate-limit-redis")]
use super::redis::RedisOptions;
use super::{
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
    /// The final cost of a request, from the response and what was taken before.
    pub(super) settle: Option<Arc<dyn Fn(&Answered<'_>, u32) -> u32 + Send + Sync>>,
    /// Whether a request may cost something other than 1.
    pub(super) weighted: bool,
    pub(super) exempt: Option<Arc<dyn Fn(&RequestHead<'_>) -> bool + Send + Sync>>,
    fields: RateLimitFields,
    pub(super) jitter: Duration,
    pub(super) shadow: bool,
    pub(super) clock: Clock,
    /// The capacity of the memory; set by `max_keys`.
    pub(super) capacity: Option<Capacity>,
    /// For each plan the quotas of this instance alone, while Redis does not answer; empty if they are
    /// not needed.
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

    /// Rejects `max_keys` if nothing is kept in memory.
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
    /// Counts requests and logs those that it would refuse, but lets all of them pass, so that you can
    /// try out a limit.
    ///
    /// Each request that would have been refused emits one `tracing` event at level `info` of target
    /// `wythe`, with the names of the quotas but without the key; [`Handle::counts`] has their number.
    /// Clients see no fields. A request without a key is still refused.
    ///
    /// [`Handle::counts`]: super::Handle::counts
    pub const fn shadow(mut self) -> Self {
        self.options.shadow = true;
        self
    }

    /// Adds a random time of up to `max` to each `Retry-After`, in whole seconds, so that clients
    /// that were refused together do not retry at the same moment. None by default.
    pub const fn retry_jitter(mut self, max: Duration) -> Self {
        self.options.jitter = max;
        self
    }

    /// Uses another clock: a [`ManualClock`](crate::ManualClock) in tests. By default the system's,
    /// whose monotonic time nobody can set.
    ///
    /// If the clock's date is set back, no key is freed or locked: its monotonic time goes on.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.options.clock = clock.into();
        self
    }

    /// The maximum number of keys that are kept, and what happens to the next one. By default
    /// 1,000,000 and [`Overflow::Evict`].
    ///
    /// Only keys whose quotas are not full count. A key takes up to 48 bytes with one quota, and 16
    /// more for each further quota. More than 2,048 keys are kept in shards that fill up almost
    /// evenly: the first shard can be full when nine tenths of the capacity are in use.
    ///
    /// Idle keys are dropped during checks, without a thread: a check scans at most 2,047 keys in its
    /// own shard and in one other, which takes about 60 microseconds. When very many keys become idle
    /// at once, an allocator that returns memory to the system may take longer.
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
    /// Which header fields tell clients what they have left.
    pub const fn fields(mut self, fields: RateLimitFields) -> Self {
        self.options.fields = fields;
        self
    }

    /// Lets those requests pass uncounted for which the closure returns `true`: health checks, your
    /// own machines. They need no key.
    ///
    /// If the closure asks for the [route](RequestHead::route) and it is unknown, the request is
    /// counted. For a list of routes, see [`With::except_routes`](crate::With::except_routes).
    ///
    /// # Security
    ///
    /// Do not base the decision on anything that a client can choose.
    pub fn exempt(
        mut self,
        exempt: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.options.exempt = Some(Arc::new(exempt));
        self
    }

    /// The cost of a request, computed from its head. 1 by default.
    ///
    /// A request that costs more than a quota's burst can never pass: it is answered with 429, the
    /// fields, and a problem that states the maximum cost, without `Retry-After`. A request that costs
    /// 0 passes unless the key is in debt or blocked. If the closure asks for the
    /// [route](RequestHead::route) and it is unknown, the request costs at least 1.
    ///
    /// # Example: a search costs ten times as much as a look-up
    ///
    /// ```
    /// use wythe::{Quota, with_rate_limit};
    ///
    /// let limit = Quota::per_minute(600).by_peer()?;
    /// let layer = with_rate_limit(limit.cost(|head| match head.route() {
    ///     "/search" => 10,
    ///     _ => 1,
    /// }));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn cost(mut self, cost: impl Fn(&RequestHead<'_>) -> u32 + Send + Sync + 'static) -> Self {
        self.options.cost = Some(Arc::new(cost));
        self.options.weighted = true;
        self
    }

    /// Settles the cost of a request once its response is known. The closure gets the response and the
    /// number of units that were taken before (see [`cost`](Self::cost)), and returns the final cost.
    ///
    /// If too much was taken, the rest is given back. If too little was taken, the rest is charged
    /// even if less is left: the key then goes into debt, and is refused until the debt has been paid
    /// off over time. A request that never gets a response, because its client disconnected, costs
    /// what was taken. If a handler panics, this counts as a response of status 500 without fields and
    /// extensions.
    ///
    /// Units that requests in progress hold may be given back at any moment, so a refusal can't say
    /// exactly when the next request will pass: its `Retry-After` only takes into account what is
    /// certainly spent, and is at least 1 second. For a limit in Redis, only the units held by
    /// requests of the same instance are known.
    ///
    /// # Example: by the bytes that were sent
    ///
    /// ```
    /// use wythe::{Quota, with_rate_limit};
    ///
    /// // 10 MiB a minute, in KiB.
    /// let limit = Quota::per_minute(10 * 1024).by_peer()?;
    /// let layer = with_rate_limit(limit.settle(|answered, taken| {
    ///     let bytes = answered.body_bytes();
    ///     bytes.map_or(taken, |bytes| u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX))
    /// }));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn settle(
        mut self,
        settle: impl Fn(&Answered<'_>, u32) -> u32 + Send + Sync + 'static,
    ) -> Self {
        self.options.settle = Some(Arc::new(settle));
        self.options.weighted = true;
        self
    }

    /// Settles by the [`Cost`] that the handler leaves in the extensions of its response. A response
    /// without a `Cost` costs what was taken before.
    pub fn settle_by_handler(self) -> Self {
        self.settle(|answered, taken| match answered.extensions.get() {
            Some(Cost(units)) => *units,
            None => taken,
        })
    }

    /// Counts only requests for whose response the closure returns `true`; the units of the others are
    /// given back.
    ///
    /// The cost is taken before the request is handled, so that a client that sends many requests at
    /// once does not get more through than one that sends them in turn.
    pub fn count_when(
        self,
        counts: impl Fn(&Answered<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let weighted = self.options.weighted;
        let mut limit =
            self.settle(move |answered, taken| if counts(answered) { taken } else { 0 });
        limit.options.weighted = weighted;
        limit
    }

    /// Counts only requests that were answered with a client error, 400 to 499: for example wrong
    /// passwords. Server errors and panics are not counted.
    ///
    /// A unit is held while a request is in progress. If there are more requests at once than units,
    /// valid requests are therefore refused as well, but their `Retry-After` says that they can be
    /// retried almost immediately.
    ///
    /// # Example: five wrong passwords in a quarter of an hour
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use wythe::{Quota, with_rate_limit};
    ///
    /// let quota = Quota::per(5, Duration::from_secs(900)).named("failed-logins");
    /// let layer = with_rate_limit(quota.by_peer()?.count_failures());
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn count_failures(self) -> Self {
        self.count_when(|answered| answered.status.is_client_error())
    }

    /// Counts only requests that were answered with a status below 400: a request that failed costs
    /// nothing.
    pub fn count_successes(self) -> Self {
        self.count_when(|answered| {
            !answered.status.is_client_error() && !answered.status.is_server_error()
        })
    }

    /// Moves the limit inside authentication, to stage [`Quota`](crate::stage::Quota), because the key
    /// is made from data that is known only there.
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

/// The cost of a request, which its handler leaves in the extensions of the response; see
/// [`RateLimit::settle_by_handler`].
///
/// # Example
///
/// ```
/// use axum::Extension;
/// use wythe::rate_limit::Cost;
///
/// async fn complete() -> (Extension<Cost>, &'static str) {
///     (Extension(Cost(42)), "an answer of 42 tokens")
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a name for one number")]
pub struct Cost(pub u32);

/// The response to a request, for [`RateLimit::settle`] and [`RateLimit::count_when`].
#[derive(Clone, Copy)]
pub struct Answered<'a> {
    status: StatusCode,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
    body_bytes: Option<u64>,
}

impl<'a> Answered<'a> {
    pub(super) fn new<R: Body>(response: &'a Response<R>) -> Self {
        Self {
            status: response.status(),
            headers: response.headers(),
            extensions: response.extensions(),
            body_bytes: response.body().size_hint().exact().or_else(|| {
                let length = response.headers().get(header::CONTENT_LENGTH)?;
                length.to_str().ok()?.parse().ok()
            }),
        }
    }

    /// A response whose body is not available.
    pub(super) const fn without_body(
        status: StatusCode,
        headers: &'a HeaderMap,
        extensions: &'a Extensions,
    ) -> Self {
        Self {
            status,
            headers,
            extensions,
            body_bytes: None,
        }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The extensions, with what handlers and layers have left there.
    #[must_use]
    pub const fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The length of the body, unless it is a stream whose length is not known yet; for streams see
    /// [`Handle::metered`](super::Handle::metered).
    #[must_use]
    pub const fn body_bytes(&self) -> Option<u64> {
        self.body_bytes
    }
}

/// Shows only the status: fields and extensions may hold secrets.
impl fmt::Debug for Answered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
