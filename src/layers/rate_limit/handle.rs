//! Access to limits from outside the layer: what a key has left, charges, blocks, and limits by values
//! that only a handler knows.

use std::{
    convert::Infallible,
    fmt,
    marker::PhantomData,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

#[cfg(feature = "rate-limit-redis")]
use super::redis::{Name, RedisCounts};
use super::{
    builder::{Plans, Quotas},
    gcra::{Decision, Gcra},
    limit::{Limit, Refusal},
    memory::{FULL, Full, Memory, RETRY_WHEN_FULL},
    plan::{Plan, PlanChoice},
    policy::{Options, RateLimit},
    quota::{Quota, error},
    store::{Store, StoreKey},
};
#[cfg(feature = "rate-limit-redis")]
use crate::support::redis::Failure;
use crate::{
    request::key::{Fingerprint, KeyPart, KeyWriter},
    wire::{ConfigError, Problem},
};

/// Counts by a value that a handler gives; made by [`Quotas::in_handler`]. It has no layer.
pub struct InHandler<V>(PhantomData<fn(V)>);

impl Quota {
    /// Counts by a value that a handler gives; see [`Quotas::in_handler`].
    ///
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    pub fn in_handler<V: KeyPart>(self) -> Result<RateLimit<InHandler<V>>, ConfigError> {
        RateLimit::of([self])?.in_handler()
    }
}

impl Quotas {
    /// Counts by a value that only a handler knows, such as the name of an account in the body. The
    /// handler itself calls the [`Handle`], without a layer.
    ///
    /// # Example: three wrong passwords for one account
    ///
    /// ```
    /// use http::StatusCode;
    /// use wythe::{Problem, Quota, rate_limit::Handle};
    ///
    /// async fn login(
    ///     guesses: &Handle<String>,
    ///     account: String,
    ///     password: &str,
    /// ) -> Result<(), Problem> {
    ///     // Taken before the password is checked, or many guesses at once would all get through.
    ///     guesses.take(&account, 1).await?;
    ///     if password != "correct horse" {
    ///         return Err(Problem::new(StatusCode::FORBIDDEN));
    ///     }
    ///     guesses.reset(&account).await
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let guesses = Quota::per_hour(3).named("guesses").in_handler::<String>()?.handle();
    /// for _ in 0..3 {
    ///     let wrong = login(&guesses, "ada".into(), "12345678").await.unwrap_err();
    ///     assert_eq!(wrong.status(), StatusCode::FORBIDDEN);
    /// }
    /// let refused = login(&guesses, "ada".into(), "correct horse").await.unwrap_err();
    /// assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    /// assert_eq!(refused.headers()["retry-after"], "1200");
    /// assert!(login(&guesses, "bob".into(), "correct horse").await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If a closure chooses the plan, because there is no request that it could see: use
    /// [`Plans::in_handler`].
    pub fn in_handler<V: KeyPart>(self) -> Result<RateLimit<InHandler<V>>, ConfigError> {
        if self.0.choose.is_some() {
            return Err(error(
                "a limit without a layer has no request to choose the plan by: call `in_handler` on \
                 the plans, without `chosen_by`, and choose with `Handle::plan`",
            ));
        }
        Ok(RateLimit::in_handler(self.0))
    }
}

impl<P> Plans<P> {
    /// Counts by a value that only a handler knows; see [`Quotas::in_handler`]. The handler chooses
    /// the plan with [`Handle::plan`]; by default, the first applies.
    pub fn in_handler<V: KeyPart>(self) -> RateLimit<InHandler<V>> {
        RateLimit::in_handler(self.unchosen())
    }
}

impl<V> RateLimit<InHandler<V>> {
    fn in_handler(plans: PlanChoice) -> Self {
        Self {
            key: InHandler(PhantomData),
            options: Options::new(plans),
        }
    }
}

impl<V: KeyPart> RateLimit<InHandler<V>> {
    /// A limit with its own counts, which clones of the handle share.
    #[must_use]
    pub fn handle(self) -> Handle<V> {
        Handle::new(Limit::new(self.options).into())
    }
}

/// Reads and changes the counts of a limit from outside the layer: for handlers, admin pages, jobs.
///
/// `V` is the type of the limit's keys: the value that its closure returns, or [`Key::Value`].
///
/// # Example: a penalty, and a pardon
///
/// ```
/// use std::time::Duration;
///
/// use wythe::{Quota, RequestHead, rate_limit::Limiter, with_rate_limit};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let by_user = |head: &RequestHead<'_>| {
///     let user = head.extensions().get::<u64>();
///     user.copied().unwrap_or_default()
/// };
/// let limiter = Limiter::new(Quota::per_minute(10).named("posts").by(by_user)?);
/// let handle = limiter.handle();
/// let layer = with_rate_limit(limiter);
///
/// handle.charge(&7, 4).await?;
/// let left = handle.remaining(&7).await?;
/// assert_eq!((left[0].name(), left[0].units()), ("posts", 6));
///
/// handle.block(&7, Duration::from_secs(3_600)).await?;
/// assert_eq!(handle.remaining(&7).await?[0].units(), 0);
///
/// handle.reset(&7).await?;
/// assert_eq!(handle.remaining(&7).await?[0].units(), 10);
/// # Ok(())
/// # }
/// ```
///
/// [`Key::Value`]: crate::key::Key::Value
pub struct Handle<V> {
    limit: Arc<Limit>,
    plan: Arc<Plan>,
    value: PhantomData<fn(V)>,
}

impl<V: KeyPart> Handle<V> {
    pub(super) fn new(limit: Arc<Limit>) -> Self {
        Self {
            plan: Arc::clone(&limit.first),
            limit,
            value: PhantomData,
        }
    }

    /// The same for keys of another plan, by its index in the list. The first plan by default.
    ///
    /// # Errors
    ///
    /// If the index is out of range.
    pub fn plan(mut self, n: usize) -> Result<Self, ConfigError> {
        let plan = self.limit.plan(n);
        let plan = plan.ok_or_else(|| error(format!("there is no plan number {n}")))?;
        self.plan = Arc::clone(plan);
        Ok(self)
    }

    /// What the key has left of each quota.
    ///
    /// # Errors
    ///
    /// If Redis does not answer.
    pub async fn remaining(&self, key: &V) -> Result<Vec<Remaining>, Problem> {
        let decision = match &self.limit.store {
            Store::Memory(memory) => memory.peek(self.fingerprint(memory, key)),
            #[cfg(feature = "rate-limit-redis")]
            Store::Redis(counts) => {
                let name = self.name(counts, key);
                let decision = counts.peek(&self.plan, &name).await;
                decision.map_err(|failure| self.unanswered(counts, failure))?
            }
        };
        Ok(Remaining::of_all(&self.plan, &decision))
    }

    /// Takes this number of units from every quota of the key, as the layer does for a request; or
    /// from none, if one has too few left.
    ///
    /// # Errors
    ///
    /// - 429 with `Retry-After`, if a quota has too few left, unless the limit is in shadow mode;
    /// - 503, if Redis does not answer, or memory is full and new keys are refused.
    pub async fn take(&self, key: &V, units: u32) -> Result<(), Problem> {
        let Ok(state) = self.limit.store.take(&self.plan, written(key), units);
        match self.limit.evaluate(state.answer().await, &self.plan, units) {
            Ok(_) => Ok(()),
            Err(Refusal::Quota(counted)) => {
                let refused = self.limit.refused_request(&counted, units);
                Err(counted.plan.refusal(refused))
            }
            Err(Refusal::Never(problem)) => Err(problem),
            Err(Refusal::Store { problem, wait }) => {
                Err(problem.retry_after(self.limit.with_jitter(wait)))
            }
        }
    }

    /// Charges the key this number of units, as if it had sent as many requests. If it has fewer left,
    /// it goes into debt, and is refused until the debt has been paid off over time.
    ///
    /// # Errors
    ///
    /// If Redis does not answer, or memory is full and new keys are refused.
    pub async fn charge(&self, key: &V, units: u32) -> Result<(), Problem> {
        self.add(key, units.into()).await
    }

    /// Gives back units that were taken or charged; a quota never exceeds its burst.
    ///
    /// # Errors
    ///
    /// If Redis does not answer.
    pub async fn give_back(&self, key: &V, units: u32) -> Result<(), Problem> {
        self.add(key, i64::from(units).saturating_neg()).await
    }

    async fn add(&self, key: &V, units: i64) -> Result<(), Problem> {
        match &self.limit.store {
            Store::Memory(memory) => self.force(memory, key, |quota, until_full| {
                quota.charge(until_full, units)
            }),
            #[cfg(feature = "rate-limit-redis")]
            Store::Redis(counts) => {
                let name = self.name(counts, key);
                let charged = counts.charge(&self.plan, &name, units).await;
                charged.map_err(|failure| self.unanswered(counts, failure))
            }
        }
    }

    /// Lets no request of the key through for this long. After that, at most one unit is available,
    /// even if the duration is zero, and the others are replenished as usual.
    ///
    /// # Errors
    ///
    /// If Redis does not answer, or memory is full and new keys are refused.
    pub async fn block(&self, key: &V, duration: Duration) -> Result<(), Problem> {
        let duration = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        match &self.limit.store {
            Store::Memory(memory) => self.force(memory, key, |quota, until_full| {
                quota.block(until_full, duration)
            }),
            #[cfg(feature = "rate-limit-redis")]
            Store::Redis(counts) => {
                let name = self.name(counts, key);
                let blocked = counts.block(&self.plan, &name, duration).await;
                blocked.map_err(|failure| self.unanswered(counts, failure))
            }
        }
    }

    /// Makes the key's quotas full, and removes blocks and debts.
    ///
    /// # Errors
    ///
    /// If Redis does not answer.
    pub async fn reset(&self, key: &V) -> Result<(), Problem> {
        match &self.limit.store {
            Store::Memory(memory) => {
                memory.reset(self.fingerprint(memory, key));
                Ok(())
            }
            #[cfg(feature = "rate-limit-redis")]
            Store::Redis(counts) => {
                let name = self.name(counts, key);
                let reset = counts.reset(&self.plan, &name).await;
                reset.map_err(|failure| self.unanswered(counts, failure))
            }
        }
    }

    /// What the limit has refused since it was created, for all keys together: for metrics.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            refused: self.limit.refused.load(Relaxed),
            would_refuse: self.limit.would_refuse.load(Relaxed),
        }
    }

    pub(super) const fn limit(&self) -> &Arc<Limit> {
        &self.limit
    }

    pub(super) const fn chosen_plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The key as the store knows it.
    pub(super) fn key_in_store(&self, key: &V) -> StoreKey {
        match &self.limit.store {
            Store::Memory(memory) => StoreKey::Memory(self.fingerprint(memory, key)),
            #[cfg(feature = "rate-limit-redis")]
            Store::Redis(counts) => StoreKey::Redis(Arc::clone(counts), self.name(counts, key)),
        }
    }

    fn force(
        &self,
        memory: &Memory,
        key: &V,
        change: impl Fn(&Gcra, u64) -> u64,
    ) -> Result<(), Problem> {
        let key = self.fingerprint(memory, key);
        let forced = memory.force(key, &self.plan.quotas, change);
        let wait = || self.limit.with_jitter(RETRY_WHEN_FULL);
        let full = |Full| FULL.clone().retry_after(wait());
        forced.map(drop).map_err(full)
    }

    fn fingerprint(&self, memory: &Memory, key: &V) -> Fingerprint {
        let Ok(key) = memory.fingerprint(|writer| self.plan.write_key(writer, written(key)));
        key
    }

    #[cfg(feature = "rate-limit-redis")]
    fn unanswered(&self, counts: &RedisCounts, failure: Failure) -> Problem {
        let (problem, wait) = counts.problem(failure);
        problem.retry_after(self.limit.with_jitter(wait))
    }

    #[cfg(feature = "rate-limit-redis")]
    fn name(&self, counts: &RedisCounts, key: &V) -> Name {
        let Ok(name) = counts.name(|writer| self.plan.write_key(writer, written(key)));
        name
    }
}

/// Writes a key that is already known.
fn written<V: KeyPart>(key: &V) -> impl Fn(&mut KeyWriter<'_>) -> Result<(), Infallible> {
    |writer| {
        key.write(writer);
        Ok(())
    }
}

/// What is left of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaining {
    name: String,
    limit: u32,
    units: u32,
    next: Option<Duration>,
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

    /// The time until the next unit, in whole seconds; `None` if the quota is full.
    #[must_use]
    pub const fn next(&self) -> Option<Duration> {
        self.next
    }

    fn of_all(plan: &Plan, decision: &Decision) -> Vec<Self> {
        let balances = decision.balances(&plan.quotas);
        let remaining = balances.map(|(_, quota, balance)| Self {
            name: quota.name().to_owned(),
            limit: quota.burst(),
            units: balance.remaining,
            next: balance.next.map(Duration::from_secs),
        });
        remaining.collect()
    }
}

/// What a limit has refused since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests that were answered with 429 because a quota was spent.
    pub refused: u64,
    /// Requests that would have been refused without shadow mode.
    pub would_refuse: u64,
}

impl<V> Clone for Handle<V> {
    fn clone(&self) -> Self {
        Self {
            limit: Arc::clone(&self.limit),
            plan: Arc::clone(&self.plan),
            value: PhantomData,
        }
    }
}

impl<V> fmt::Debug for Handle<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl<V> Clone for InHandler<V> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<V> fmt::Debug for InHandler<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InHandler")
    }
}
