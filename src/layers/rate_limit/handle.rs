//! Looks at the counts of a limit from outside, and changes them.

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    limit::Limit,
    memory::Full,
    remaining::{Counts, Remaining, in_words},
    request::{Asked, Kept},
    rule::{Rule, error},
};
use crate::{
    request::key::{Fingerprint, KeyPart},
    wire::{ConfigError, Problem},
};

/// Looks at the counts of a limit from outside, and changes them: for handlers, admin pages, jobs.
///
/// `V` is the type of the limit's keys: what its closure returns, or [`Key::Value`].
///
/// # Example: a penalty, and a pardon
///
/// ```
/// use std::time::Duration;
///
/// use wythe::{Quota, rate_limit::Limiter, with_rate_limit};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let by_user = |head: &http::request::Parts| {
///     let user = head.extensions.get::<u64>();
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
    plan: usize,
    value: PhantomData<fn(V)>,
}

impl<V: KeyPart> Handle<V> {
    pub(super) const fn new(limit: Arc<Limit>) -> Self {
        Self {
            limit,
            plan: 0,
            value: PhantomData,
        }
    }

    /// The same for keys of another plan: that which was listed there, counted from 0. The first
    /// plan unless told.
    ///
    /// # Errors
    ///
    /// If there are not so many plans.
    pub fn plan(mut self, n: usize) -> Result<Self, ConfigError> {
        self.plan = n;
        match self.limit.plan(n) {
            Ok(_) => Ok(self),
            Err(_) => Err(error(format!("there is no plan number {n}"))),
        }
    }

    /// What the key has left of each quota.
    ///
    /// # Errors
    ///
    /// If the store can't be asked. A store in memory always can.
    pub async fn remaining(&self, key: &V) -> Result<Vec<Remaining>, Problem> {
        let plan = self.limit.plan(self.plan)?;
        #[cfg(feature = "rate-limit-redis")]
        if let Some(remote) = &self.limit.remote {
            let name = remote.engine.name(key, self.plan);
            let peeked = remote.engine.peek(&name, self.plan).await;
            let verdict = peeked.map_err(|failure| remote.problem(failure))?;
            return Ok(in_words(plan, &verdict));
        }
        Ok(in_words(
            plan,
            &self.limit.memory.peek(self.fingerprint(key)),
        ))
    }

    /// Takes so many units from every quota of the key, as the layer does for a request; or from
    /// none, if one has too few left.
    ///
    /// # Errors
    ///
    /// - 429 with `Retry-After`, if a quota has too few left, unless the limit is in shadow mode;
    /// - 503, if the store can't be asked, or is full and refuses new keys.
    pub async fn take(&self, key: &V, units: u32) -> Result<(), Problem> {
        let plan = self.limit.plan(self.plan)?;
        let options = &self.limit.options;
        if !options.shadow
            && let Some(too_dear) = plan.too_dear(units)
        {
            return Err(too_dear);
        }
        let asked = Asked {
            plan: self.plan,
            units,
            cross_origin: false,
        };
        #[cfg(feature = "rate-limit-redis")]
        if let Some(remote) = &self.limit.remote {
            let question = remote.question(key, asked);
            return remote.take(&self.limit, &question).await;
        }
        let verdict = self.limit.take(self.fingerprint(key), asked)?;
        self.limit.admit(asked, verdict)
    }

    /// Charges the key so many units, as if it had sent so many requests. If it has less left, it
    /// is in debt, and is refused until that has come back.
    ///
    /// # Errors
    ///
    /// If the store can't be asked, or is full and refuses new keys.
    pub async fn charge(&self, key: &V, units: u32) -> Result<(), Problem> {
        self.add(key, units.into()).await
    }

    /// Gives back so many units that were taken or charged; never more than the quotas hold.
    ///
    /// # Errors
    ///
    /// If the store can't be asked.
    pub async fn give_back(&self, key: &V, units: u32) -> Result<(), Problem> {
        self.add(key, i64::from(units).saturating_neg()).await
    }

    async fn add(&self, key: &V, units: i64) -> Result<(), Problem> {
        #[cfg(feature = "rate-limit-redis")]
        if let Some(remote) = &self.limit.remote {
            let name = remote.engine.name(key, self.plan);
            let charged = remote.engine.charge(&name, self.plan, units).await;
            return charged.map_err(|failure| remote.problem(failure));
        }
        self.force(key, |rule, ahead| rule.charge(ahead, units))
    }

    /// Lets nothing of the key through for so long.
    ///
    /// # Errors
    ///
    /// If the store can't be asked, or is full and refuses new keys.
    pub async fn block(&self, key: &V, duration: Duration) -> Result<(), Problem> {
        let duration = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        #[cfg(feature = "rate-limit-redis")]
        if let Some(remote) = &self.limit.remote {
            let name = remote.engine.name(key, self.plan);
            let blocked = remote.engine.block(&name, self.plan, duration).await;
            return blocked.map_err(|failure| remote.problem(failure));
        }
        self.force(key, |rule, ahead| rule.block(ahead, duration))
    }

    /// Makes the key's quotas whole, and forgets blocks and debts.
    ///
    /// # Errors
    ///
    /// If the store can't be asked. A store in memory always can.
    pub async fn reset(&self, key: &V) -> Result<(), Problem> {
        #[cfg(feature = "rate-limit-redis")]
        if let Some(remote) = &self.limit.remote {
            let name = remote.engine.name(key, self.plan);
            let reset = remote.engine.reset(&name, self.plan).await;
            return reset.map_err(|failure| remote.problem(failure));
        }
        self.limit.memory.reset(self.fingerprint(key));
        Ok(())
    }

    fn force(&self, key: &V, change: impl Fn(&Rule, u64) -> u64) -> Result<(), Problem> {
        let plan = self.limit.plan(self.plan)?;
        let memory = &self.limit.memory;
        let forced = memory.force(self.fingerprint(key), &plan.rules, change);
        forced.map(drop).map_err(|Full| self.limit.full.clone())
    }

    pub(super) const fn limit(&self) -> &Arc<Limit> {
        &self.limit
    }

    pub(super) const fn plan_number(&self) -> usize {
        self.plan
    }

    /// Where the counts of a key are.
    pub(super) fn kept(&self, key: &V) -> Kept {
        #[cfg(feature = "rate-limit-redis")]
        if let Some(remote) = &self.limit.remote {
            return Kept::Shared(remote.engine.name(key, self.plan));
        }
        Kept::Here(self.fingerprint(key))
    }

    fn fingerprint(&self, key: &V) -> Fingerprint {
        self.limit.fingerprint(key, self.plan)
    }

    /// What the limit has refused since it was made, all keys together: for metrics.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let tally = &self.limit.tally;
        Counts {
            refused: tally.refused.load(Ordering::Relaxed),
            would_refuse: tally.would_refuse.load(Ordering::Relaxed),
        }
    }
}

impl<V> Clone for Handle<V> {
    fn clone(&self) -> Self {
        Self {
            limit: Arc::clone(&self.limit),
            plan: self.plan,
            value: PhantomData,
        }
    }
}

impl<V> fmt::Debug for Handle<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
