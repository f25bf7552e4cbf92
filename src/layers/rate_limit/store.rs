//! Where the counts are: in memory or in Redis.

use std::{sync::Arc, time::Duration};

#[cfg(feature = "rate-limit-redis")]
use super::redis::{Name, RedisCounts};
use super::{
    gcra::{Decision, Gcra},
    memory::{FULL, Full, Memory, RETRY_WHEN_FULL},
    plan::Plan,
    policy::Options,
};
#[cfg(feature = "rate-limit-redis")]
use crate::support::redis::Failure;
use crate::{
    contract::description::Answer,
    request::key::{Fingerprint, KeyWriter},
    wire::Problem,
};

/// Where the counts are.
pub(super) enum Store {
    Memory(Memory),
    #[cfg(feature = "rate-limit-redis")]
    Redis(Arc<RedisCounts>),
}

/// The answer of a store, or a query that takes time.
pub(super) enum TakeState {
    Done(Taken),
    #[cfg(feature = "rate-limit-redis")]
    Deferred(RedisQuery),
}

/// A request that Redis has to decide.
#[cfg(feature = "rate-limit-redis")]
pub(super) struct RedisQuery {
    counts: Arc<RedisCounts>,
    plan: Arc<Plan>,
    name: Name,
    /// Its key in memory, in case Redis does not answer.
    local: Option<Fingerprint>,
    units: u32,
}

/// A store's answer to a request.
pub(super) enum Taken {
    Counted(Counted),
    /// Redis does not answer, but requests pass.
    Uncounted,
    /// The store is full, or does not answer, and the request is refused.
    Unavailable {
        problem: Problem,
        wait: Duration,
    },
}

/// A decision, the quotas on which it is based, and the key.
pub(super) struct Counted {
    pub(super) plan: Arc<Plan>,
    pub(super) key: StoreKey,
    pub(super) decision: Decision,
}

/// A key, as known to the store that has counted it.
pub(super) enum StoreKey {
    Memory(Fingerprint),
    #[cfg(feature = "rate-limit-redis")]
    Redis(Arc<RedisCounts>, Name),
}

impl Store {
    pub(super) fn new(options: &Options) -> Self {
        #[cfg(feature = "rate-limit-redis")]
        if let Some(redis) = &options.redis {
            let local = (!options.shares.is_empty()).then(|| options.memory());
            let counts = RedisCounts::new(Arc::clone(redis), options.clock.clone(), local);
            return Self::Redis(Arc::new(counts));
        }
        Self::Memory(options.memory())
    }

    /// Takes units from every quota of a key, or from none. The closure writes the key.
    pub(super) fn take<E>(
        &self,
        plan: &Arc<Plan>,
        key: impl FnMut(&mut KeyWriter<'_>) -> Result<(), E>,
        units: u32,
    ) -> Result<TakeState, E> {
        match self {
            Self::Memory(memory) => {
                let key = memory.fingerprint(|writer| plan.write_key(writer, key))?;
                let taken = Taken::from_memory(memory, key, plan, units);
                Ok(TakeState::Done(taken))
            }
            #[cfg(feature = "rate-limit-redis")]
            Self::Redis(counts) => {
                let query = RedisQuery::new(counts, plan, key, units)?;
                Ok(match counts.take_locally(plan, &query.name, units) {
                    Some(decided) => TakeState::Done(query.answered(decided)),
                    None => TakeState::Deferred(query),
                })
            }
        }
    }

    /// Charges units, or gives them back if they are negative, without making the response wait.
    /// Returns the resulting balance, as far as it is known.
    pub(super) fn charge_later(
        &self,
        key: StoreKey,
        plan: &Arc<Plan>,
        decision: Decision,
        units: i64,
    ) -> Option<Decision> {
        match key {
            StoreKey::Memory(key) => {
                let _ = decision;
                let charge = |quota: &Gcra, until_full| quota.charge(until_full, units);
                self.memory()?.force(key, &plan.quotas, charge).ok()
            }
            #[cfg(feature = "rate-limit-redis")]
            StoreKey::Redis(counts, name) => {
                Some(counts.charge_later(name, Arc::clone(plan), decision, units))
            }
        }
    }

    /// The memory that counts, even if only while Redis does not answer.
    pub(super) fn memory(&self) -> Option<&Memory> {
        match self {
            Self::Memory(memory) => Some(memory),
            #[cfg(feature = "rate-limit-redis")]
            Self::Redis(counts) => counts.memory(),
        }
    }

    /// The answer while the store can't count a request.
    pub(super) fn unavailable(&self, options: &Options) -> Option<Answer> {
        let refuses_keys = options.capacity.unwrap_or_default().refuses();
        match self {
            Self::Memory(_) => refuses_keys.then(|| {
                Answer::of(&FULL)
                    .when("for a new key, when the limit has its maximum number of keys")
            }),
            #[cfg(feature = "rate-limit-redis")]
            Self::Redis(counts) => counts.unavailable(refuses_keys),
        }
    }
}

impl StoreKey {
    /// A hash of the key.
    pub(super) fn id(&self) -> u128 {
        match self {
            Self::Memory(Fingerprint { high, low }) => (u128::from(*high) << 64) | u128::from(*low),
            #[cfg(feature = "rate-limit-redis")]
            Self::Redis(_, name) => name.id(),
        }
    }
}

impl TakeState {
    /// Waits for the answer.
    pub(super) async fn answer(self) -> Taken {
        match self {
            Self::Done(taken) => taken,
            #[cfg(feature = "rate-limit-redis")]
            Self::Deferred(query) => query.answer().await,
        }
    }
}

#[cfg(feature = "rate-limit-redis")]
impl RedisQuery {
    /// The closure writes the key.
    fn new<E>(
        counts: &Arc<RedisCounts>,
        plan: &Arc<Plan>,
        mut key: impl FnMut(&mut KeyWriter<'_>) -> Result<(), E>,
        units: u32,
    ) -> Result<Self, E> {
        let fingerprint =
            |memory: &Memory| memory.fingerprint(|writer| plan.write_key(writer, &mut key));
        Ok(Self {
            local: counts.memory().map(fingerprint).transpose()?,
            name: counts.name(|writer| plan.write_key(writer, key))?,
            counts: Arc::clone(counts),
            plan: Arc::clone(plan),
            units,
        })
    }

    pub(super) async fn answer(self) -> Taken {
        let decided = self.counts.take(&self.plan, &self.name, self.units).await;
        self.answered(decided)
    }

    /// Converts a decision, or the lack of one, into an answer.
    fn answered(self, decided: Result<Decision, Failure>) -> Taken {
        let Self {
            counts,
            plan,
            name,
            local,
            units,
        } = self;
        let failure = match decided {
            Ok(decision) => {
                return Taken::Counted(Counted {
                    plan,
                    key: StoreKey::Redis(counts, name),
                    decision,
                });
            }
            Err(failure) => failure,
        };
        counts.add_undecided();
        if let (Some(memory), Some(key), Some(share)) = (counts.memory(), local, &plan.share) {
            return Taken::from_memory(memory, key, share, units);
        }
        match counts.denial(failure) {
            Some((problem, wait)) => Taken::Unavailable { problem, wait },
            None => Taken::Uncounted,
        }
    }
}

impl Taken {
    /// Takes units from the counts in memory.
    pub(super) fn from_memory(
        memory: &Memory,
        key: Fingerprint,
        plan: &Arc<Plan>,
        units: u32,
    ) -> Self {
        match memory.take(key, &plan.quotas, units) {
            Ok(decision) => Self::Counted(Counted {
                plan: Arc::clone(plan),
                key: StoreKey::Memory(key),
                decision,
            }),
            Err(Full) => Self::Unavailable {
                problem: FULL.clone(),
                wait: RETRY_WHEN_FULL,
            },
        }
    }
}
