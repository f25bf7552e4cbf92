//! One limit in a store: its name there, and its lease.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use super::{
    super::{policy::RateLimit, rule::Rule},
    failure::{OnFailure, share},
    name::Names,
    script::FURTHEST,
    store::{RedisStore, WORDS},
};
use crate::wire::ConfigError;

/// A limit whose counts are kept in a store; made by [`RedisStore::limit`].
#[derive(Clone)]
#[must_use]
pub struct SharedLimit {
    store: RedisStore,
    name: String,
    lease: Option<(u32, Duration)>,
}

/// The same, checked together with its quotas.
pub(in crate::layers::rate_limit) struct Sharing {
    pub(super) store: RedisStore,
    pub(super) names: Names,
    /// Batch and nanoseconds.
    pub(super) lease: Option<(u32, u64)>,
    /// For each plan, the share of this instance.
    pub(super) local: Option<Arc<[Arc<[Rule]>]>>,
    /// As long as it lives, no other limit of the process has the name.
    _claim: Arc<()>,
}

impl SharedLimit {
    pub(super) const fn new(store: RedisStore, name: String) -> Self {
        Self {
            store,
            name,
            lease: None,
        }
    }

    /// Takes so many units from the store at once and spends them without asking it, for at most
    /// `ttl`: see [leases](super#leases). The server is asked about once for `batch` requests of a
    /// key; in exchange each instance lets up to `batch - 1` more through.
    ///
    /// A request that costs more than `batch` asks by itself.
    pub const fn lease(mut self, batch: u32, ttl: Duration) -> Self {
        self.lease = Some((batch, ttl));
        self
    }

    fn shared_by(self, plans: &[Arc<[Rule]>]) -> Result<Sharing, ConfigError> {
        self.store.check()?;
        for rule in plans.iter().flat_map(|rules| rules.iter()) {
            if rule.whole() > FURTHEST {
                return Err(refuse(format!(
                    "the quota {:?} takes more than 104 days to come back: Redis can't count that \
                     exactly",
                    rule.name()
                )));
            }
        }
        let lease = self.lease.map(|lease| check_lease(lease, plans));
        let local = match self.store.on_failure {
            OnFailure::Local { instances } => {
                let shares = plans.iter().map(|rules| share(rules, instances));
                Some(shares.collect::<Result<_, _>>()?)
            }
            OnFailure::Allow | OnFailure::Deny => None,
        };
        Ok(Sharing {
            lease: lease.transpose()?,
            local,
            names: Names::new(&self.store.prefix, &self.name, &self.store.secret),
            _claim: self.store.claim(&self.name)?,
            store: self.store,
        })
    }
}

fn check_lease(
    (batch, ttl): (u32, Duration),
    plans: &[Arc<[Rule]>],
) -> Result<(u32, u64), ConfigError> {
    if batch < 2 {
        return Err(refuse("a lease of fewer than 2 units saves nothing"));
    }
    let bursts = plans.iter().flat_map(|rules| rules.iter().map(Rule::burst));
    if bursts.min().is_some_and(|burst| batch > burst) {
        return Err(refuse(format!(
            "a lease of {batch} units is more than the smallest burst: one instance would take \
             all there is from the others"
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
    /// [`shared`](super). In memory unless told.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{
    ///     Quota,
    ///     rate_limit::shared::{OnFailure, RedisStore},
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
    /// - the name, or the prefix of the store, has other characters than ASCII letters, digits and
    ///   `-_./` (the prefix may have colons as well);
    /// - another limit of this process has the name in this store;
    /// - a quota takes more than 104 days to come back;
    /// - the batch of a lease is less than 2 or more than the smallest burst, or its time is 0;
    /// - a timeout or a number of failures of 0, or a longest pause that is shorter than the first.
    pub fn in_redis(mut self, limit: SharedLimit) -> Result<Self, ConfigError> {
        let sharing = limit.shared_by(&self.options.choice.rules)?;
        self.options.sharing = Some(Arc::new(sharing));
        Ok(self)
    }
}

impl fmt::Debug for SharedLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLimit")
            .field("name", &self.name)
            .field("lease", &self.lease)
            .field("store", &self.store)
            .finish()
    }
}

fn refuse(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(WORDS.policy, message)
}
