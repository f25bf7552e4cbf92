//! One limit in Redis: its name there, its lease, and what happens while the server does not answer.

use std::{borrow::Cow, fmt, num::NonZeroU32, sync::Arc, time::Duration};

use super::{
    name::Names,
    script::FURTHEST,
    store::{MESSAGES, RedisStore},
};
use crate::{
    layers::rate_limit::{
        gcra::Gcra,
        plan::PlanChoice,
        policy::RateLimit,
        quota::{Quota, error},
    },
    wire::ConfigError,
};

/// What happens to requests while the server does not answer. There is no default: only you know
/// which is worse.
///
/// | | protects what is behind it | clients notice | for example for |
/// |---|---|---|---|
/// | `Deny` | yes | all of them: 503 | password guesses, what costs money |
/// | `Allow` | no | nobody | limits for fairness, where the handler survives any load |
/// | `Local` | roughly | those near their limit | everything else |
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
    /// These counts begin whole when the server fails, so a client may get up to twice its quota
    /// around that moment; those of the server are as they were when it is back.
    ///
    /// Each instance finds out by itself whether the server answers. While one counts locally and
    /// others reach the server, as when the server comes and goes, both count: the limit is then up to
    /// the whole quota of the server and the shares of those that do not reach it. In tests of three
    /// instances that disagreed all the time, 1.2 to 1.44 times the quota passed. If a burst has
    /// fewer units than there are instances, each instance still lets one through. A request that
    /// costs more than the burst of the share is refused until the server is back.
    Local {
        /// The instances that share the limit. If there are more of them, together they let more
        /// through.
        instances: NonZeroU32,
    },
}

/// A limit whose counts are kept in Redis; made by [`RedisStore::limit`].
#[derive(Clone)]
#[must_use]
pub struct RedisLimit {
    store: RedisStore,
    name: String,
    lease: Option<(u32, Duration)>,
}

impl RedisLimit {
    pub(super) const fn new(store: RedisStore, name: String) -> Self {
        Self {
            store,
            name,
            lease: None,
        }
    }

    /// Takes `batch` units from the server at once and spends them without asking it, for at most
    /// `ttl`: see [leases](super#leases). The server is asked about once for `batch` requests of a
    /// key; in exchange each instance may let up to `batch - 1` more through.
    ///
    /// A request that costs more than `batch` always asks.
    pub const fn lease(mut self, batch: u32, ttl: Duration) -> Self {
        self.lease = Some((batch, ttl));
        self
    }

    fn checked(self, plans: &PlanChoice) -> Result<RedisOptions, ConfigError> {
        self.store.check()?;
        let quotas = || plans.all().flat_map(|quotas| quotas.iter());
        for quota in quotas() {
            if quota.whole() > FURTHEST {
                return Err(refuse(format!(
                    "the quota {:?} takes more than 104 days to come back, which Redis can't count \
                     exactly",
                    quota.name()
                )));
            }
        }
        let lease = self.lease.map(|lease| check_lease(lease, quotas()));
        Ok(RedisOptions {
            lease: lease.transpose()?,
            names: Names::new(
                &self.store.prefix,
                &self.name,
                self.store.secret.as_deref().unwrap_or_default(),
            ),
            _claim: self.store.claim(&self.name)?,
            store: self.store,
        })
    }
}

/// A limit that was checked together with its quotas.
pub(in crate::layers::rate_limit) struct RedisOptions {
    pub(super) store: RedisStore,
    pub(super) names: Names,
    /// Batch and nanoseconds.
    pub(super) lease: Option<(u32, u64)>,
    /// As long as it lives, no other limit of the process has the name.
    _claim: Arc<()>,
}

/// The share of one instance of the quotas that all share.
fn share(quotas: &[Gcra], instances: NonZeroU32) -> Result<Arc<[Gcra]>, ConfigError> {
    let shares = quotas.iter().map(|quota| {
        let burst = (quota.burst() / instances).max(1);
        let one = Duration::from_nanos(quota.interval()).checked_mul(instances.get());
        let one = one.ok_or_else(|| error("a share of the quota would never come back"))?;
        let name = quota.name().to_owned();
        Gcra::new(Quota::per(1, one).burst(burst).named(name))
    });
    shares.collect()
}

fn check_lease<'a>(
    (batch, ttl): (u32, Duration),
    quotas: impl Iterator<Item = &'a Gcra>,
) -> Result<(u32, u64), ConfigError> {
    if batch < 2 {
        return Err(refuse("a lease of fewer than 2 units saves nothing"));
    }
    if quotas
        .map(Gcra::burst)
        .min()
        .is_some_and(|burst| batch > burst)
    {
        return Err(refuse(format!(
            "a lease of {batch} units is more than the smallest burst: one instance would take \
             everything"
        )));
    }
    let ttl = u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX);
    if ttl == 0 {
        return Err(refuse("a lease of no time saves nothing"));
    }
    Ok((batch, ttl))
}

impl<K> RateLimit<K> {
    /// Keeps the counts in Redis or Valkey, where all instances share them; see
    /// [`redis`](super). By default they are in memory.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{
    ///     Quota,
    ///     rate_limit::redis::{OnFailure, RedisStore},
    ///     with_rate_limit,
    /// };
    ///
    /// let store = RedisStore::open("redis://127.0.0.1:6379", OnFailure::Deny)?;
    /// let limit = Quota::per_minute(5).by_peer()?.in_redis(store.limit("login"))?;
    /// let layer = with_rate_limit(limit);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - the name, or the prefix of the store, has characters other than ASCII letters, digits and
    ///   `-_./` (the prefix may have colons as well);
    /// - another limit of this process uses the name in this store;
    /// - a quota takes more than 104 days to come back;
    /// - [`max_keys`](Self::max_keys) is set, and nothing is kept in memory, because the store does
    ///   not count [locally](OnFailure::Local);
    /// - the batch of a lease is less than 2 or more than the smallest burst, or its time is 0;
    /// - a timeout or a number of failures of 0, or a longest backoff that is shorter than the
    ///   first.
    pub fn in_redis(mut self, limit: RedisLimit) -> Result<Self, ConfigError> {
        let plans = &self.options.plans;
        self.options.shares = match limit.store.on_failure {
            OnFailure::Local { instances } => {
                let shares = plans.all().map(|quotas| share(quotas, instances));
                shares.collect::<Result<_, _>>()?
            }
            OnFailure::Allow | OnFailure::Deny => Vec::new(),
        };
        let redis = limit.checked(plans)?;
        self.options.redis = Some(Arc::new(redis));
        self.options.check_capacity()?;
        Ok(self)
    }
}

impl fmt::Debug for RedisLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLimit")
            .field("name", &self.name)
            .field("lease", &self.lease)
            .field("store", &self.store)
            .finish()
    }
}

fn refuse(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(MESSAGES.policy, message)
}
