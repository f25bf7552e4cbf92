//! Builds a limit: from its quotas (one set, or one per plan), the key that they count by, and the
//! store of the counts.

use std::{fmt, sync::Arc};

#[cfg(feature = "rate-limit-redis")]
use super::redis::RedisLimit;
use super::{
    gcra::{Gcra, MAX_QUOTAS},
    plan::PlanChoice,
    policy::{Options, RateLimit},
    quota::{Quota, error},
};
use crate::{
    request::{
        RequestHead,
        key::{Key, key_methods},
    },
    wire::{ConfigError, field::structured},
};

impl RateLimit<()> {
    /// Limits by one to eight quotas together: a request that one of them refuses is not counted by
    /// the others.
    ///
    /// # Errors
    ///
    /// - no quota, or more than eight;
    /// - a count, burst or period of zero;
    /// - a period that cannot be represented: more than one request per nanosecond, a rate that would
    ///   be more than 1% too high if one request takes whole nanoseconds, or a burst that takes more
    ///   than 146 years to be replenished;
    /// - two quotas with the same name: all but one need [`Quota::named`];
    /// - a name that is empty or has characters other than printable ASCII, because names are written
    ///   into header fields.
    pub fn of(quotas: impl IntoIterator<Item = Quota>) -> Result<Quotas, ConfigError> {
        Ok(Quotas(PlanChoice::only(checked(quotas)?)))
    }

    /// Limits by quotas that depend on the client's plan.
    ///
    /// Each plan has separate counts: a client that changes plans starts with full quotas.
    ///
    /// # Example: ten times as much for paying customers
    ///
    /// ```
    /// use wythe::{Quota, RateLimit, with_rate_limit};
    ///
    /// #[derive(Clone, Copy, PartialEq)]
    /// enum Plan {
    ///     Free,
    ///     Paid,
    /// }
    ///
    /// #[derive(Clone)]
    /// struct User {
    ///     id: u64,
    ///     plan: Plan,
    /// }
    ///
    /// let plans = RateLimit::plans([
    ///     (Plan::Free, [Quota::per_minute(60)]),
    ///     (Plan::Paid, [Quota::per_minute(600)]),
    /// ])?;
    /// let limit = plans
    ///     .chosen_by_principal(|user: &User| user.plan)
    ///     .by_principal(|user: &User| &user.id);
    /// let layer = with_rate_limit(limit);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - no plan, or one that is listed twice;
    /// - the quotas of a plan are impossible; see [`RateLimit::of`].
    pub fn plans<P, Q>(plans: impl IntoIterator<Item = (P, Q)>) -> Result<Plans<P>, ConfigError>
    where
        P: PartialEq,
        Q: IntoIterator<Item = Quota>,
    {
        let mut names = Vec::new();
        let mut all = Vec::new();
        for (plan, quotas) in plans {
            if names.contains(&plan) {
                return Err(error("a plan is listed twice"));
            }
            names.push(plan);
            all.push(checked(quotas)?);
        }
        let mut all = all.into_iter();
        let Some(first) = all.next() else {
            return Err(error("a limit without a plan would reject every request"));
        };
        Ok(Plans {
            names,
            first,
            others: all.collect(),
        })
    }
}

/// One or more validated quotas; made by [`RateLimit::of`]. Next, choose the key.
#[derive(Clone, Debug)]
#[must_use]
pub struct Quotas(pub(super) PlanChoice);

impl Quotas {
    /// Counts by your own [`Key`], or by a tuple of keys.
    pub fn keyed<K: Key>(self, key: K) -> RateLimit<K> {
        RateLimit {
            key,
            options: Options::new(self.0),
        }
    }

    fn with_key<K: Key>(self, key: K) -> RateLimit<K> {
        self.keyed(key)
    }
}

impl Quota {
    fn with_key<K: Key>(self, key: K) -> Result<RateLimit<K>, ConfigError> {
        Ok(RateLimit::of([self])?.keyed(key))
    }
}

/// A limit with one quota, or why it is invalid; see [`RateLimit::of`].
type Checked<K> = Result<RateLimit<K>, ConfigError>;

key_methods! {
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    Quota => Checked, RateLimit, std::convert::identity
}
key_methods!(Quotas => RateLimit, RateLimit, Ok);

/// Validated quotas for each plan; made by [`RateLimit::plans`]. Next, choose how the plan of a
/// request is found.
#[derive(Clone)]
#[must_use]
pub struct Plans<P> {
    names: Vec<P>,
    first: Arc<[Gcra]>,
    others: Vec<Arc<[Gcra]>>,
}

impl<P: PartialEq + Send + Sync + 'static> Plans<P> {
    /// Finds the plan of a request from its head and from what outer layers have left in its
    /// extensions.
    ///
    /// A plan that is not listed is a bug: the request is answered with 500, and never passes without
    /// a limit. If a request's [route](RequestHead::route) is unknown, the closure sees an empty one.
    pub fn chosen_by(self, plan: impl Fn(&RequestHead<'_>) -> P + Send + Sync + 'static) -> Quotas {
        self.chosen(move |head| Some(plan(head)))
    }

    /// Finds the plan of the principal that [`with_auth`](crate::with_auth) has verified.
    ///
    /// If you also count [`by_principal`](Quotas::by_principal), the stack does not compile without
    /// that layer. If there is no principal, the request is answered with 500.
    #[cfg(feature = "auth")]
    pub fn chosen_by_principal<C: Send + Sync + 'static>(
        self,
        plan: impl Fn(&C) -> P + Send + Sync + 'static,
    ) -> Quotas {
        self.chosen(move |head| {
            let auth: Option<&crate::request::Auth<C>> = head.extensions().get();
            auth.map(|auth| plan(&auth.0))
        })
    }

    fn chosen(
        self,
        plan: impl Fn(&RequestHead<'_>) -> Option<P> + Send + Sync + 'static,
    ) -> Quotas {
        let Self {
            names,
            first,
            others,
        } = self;
        Quotas(PlanChoice {
            first,
            others: others.into(),
            choose: Some(Arc::new(move |head| {
                let plan = plan(head)?;
                names.iter().position(|name| *name == plan)
            })),
        })
    }
}

impl<P> Plans<P> {
    /// The quotas of each plan, without a closure that chooses.
    pub(super) fn unchosen(self) -> PlanChoice {
        PlanChoice {
            first: self.first,
            others: self.others.into(),
            choose: None,
        }
    }
}

impl<P> fmt::Debug for Plans<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entry(&self.first)
            .entries(&self.others)
            .finish()
    }
}

#[cfg(feature = "rate-limit-redis")]
impl<K> RateLimit<K> {
    /// Keeps the counts in Redis or Valkey, where all instances share them; see
    /// [`redis`](super::redis). By default they are in memory.
    ///
    /// The counts belong to the name, so clones of this `RateLimit` share them as instances do: each
    /// layer that is built from a clone has its own [leases](super::redis#leases), and its own counts
    /// while the server does not answer. Clone the layer or the [`Limiter`](super::Limiter) instead.
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
    /// - the name has characters other than ASCII letters, digits and `-_./`;
    /// - another limit of this process uses the name in this store;
    /// - a quota takes more than 104 days to be replenished;
    /// - [`max_keys`](Self::max_keys) is set although nothing is kept in memory, because the store
    ///   does not count [locally](super::redis::OnFailure::Local);
    /// - the batch of a lease is less than 2 or more than the smallest burst, or its ttl is 0.
    pub fn in_redis(mut self, limit: RedisLimit) -> Result<Self, ConfigError> {
        let plans = &self.options.plans;
        self.options.shares = limit.shares(plans)?;
        self.options.redis = Some(Arc::new(limit.checked(plans)?));
        self.options.check_capacity()?;
        Ok(self)
    }
}

/// Validates quotas that belong together.
fn checked(quotas: impl IntoIterator<Item = Quota>) -> Result<Arc<[Gcra]>, ConfigError> {
    let quotas: Vec<_> = quotas
        .into_iter()
        .map(Gcra::new)
        .collect::<Result<_, _>>()?;
    if quotas.is_empty() {
        return Err(error("a limit without a quota would limit nothing"));
    }
    if quotas.len() > MAX_QUOTAS {
        return Err(error(format!("a limit has at most {MAX_QUOTAS} quotas")));
    }
    for (n, quota) in quotas.iter().enumerate() {
        let name = quota.name();
        if name.is_empty() || structured::string(name).is_none() {
            return Err(error(format!(
                "the name {name:?} cannot be written into a header field: use printable ASCII"
            )));
        }
        let mut others = quotas.iter().skip(n.saturating_add(1));
        let is_same =
            |other: &Gcra| other.name() == name || other.name_in_store() == quota.name_in_store();
        if others.any(is_same) {
            let name = quota.name_in_store();
            return Err(error(format!(
                "two quotas have the name {name:?}: give one of them another with `.named(..)`"
            )));
        }
    }
    Ok(quotas.into())
}
