//! Units that an instance has taken from the server in advance, and spends without a query.
//!
//! After a decision, an instance holds at most `batch - 1` units of a key: it takes at most `batch`,
//! returns what it held in the same call, and the request that caused the call takes at least one. The
//! module documentation describes the consequences.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::script::Reply;
use crate::{
    layers::rate_limit::gcra::{Decision, Gcra, MAX_QUOTAS},
    support::shards::Shards,
};

const SHARDS: usize = 64;

/// The maximum number of keys in one shard: 32,768 in all, about 10 MB.
const KEYS_IN_SHARD: usize = 512;

/// The maximum number of batches that requests wait for.
const BATCHES_IN_QUEUE: u32 = 4;

/// All leases of this instance.
pub(super) struct Leases {
    pub(super) batch: u32,
    /// In nanoseconds.
    pub(super) ttl: u64,
    keys: Shards<HashMap<u128, Arc<Lease>>>,
}

impl Leases {
    pub(super) fn new(batch: u32, ttl: u64) -> Self {
        Self {
            batch,
            ttl,
            keys: Shards::new(SHARDS, HashMap::new),
        }
    }

    fn shard(&self, id: u128) -> MutexGuard<'_, HashMap<u128, Arc<Lease>>> {
        self.keys.lock(u64::try_from(id >> 64).unwrap_or_default())
    }

    /// The lease of a key. `None` if there is no room for another: such keys query the server each
    /// time.
    pub(super) fn of(&self, id: u128, now: u64) -> Option<Arc<Lease>> {
        let mut shard = self.shard(id);
        if shard.len() >= KEYS_IN_SHARD && !shard.contains_key(&id) {
            shard.retain(|_, lease| Arc::strong_count(lease) > 1 || lease.lock().until > now);
            if shard.len() >= KEYS_IN_SHARD {
                return None;
            }
        }
        let lease = match shard.entry(id) {
            Entry::Occupied(lease) => lease.into_mut(),
            Entry::Vacant(place) => place.insert(Arc::new(Lease::new())),
        };
        Some(Arc::clone(lease))
    }

    /// The existing lease of a key.
    pub(super) fn find(&self, id: u128) -> Option<Arc<Lease>> {
        self.shard(id).get(&id).map(Arc::clone)
    }

    /// Gives units back to the lease of a key, if it has one with room for them.
    pub(super) fn give_back(&self, id: u128, units: u32, now: u64) -> bool {
        let lease = self.find(id);
        lease.is_some_and(|lease| lease.give_back(units, self.batch, now))
    }

    /// Drops the units held of a key whose counts are being changed from outside. This happens when
    /// the change ends, however it ends: the server may have made it even if the caller was dropped.
    pub(super) const fn forget_on_drop(&self, id: u128) -> ForgetOnDrop<'_> {
        ForgetOnDrop { leases: self, id }
    }

    /// Drops the refusal of a key to which units are being given back in the server: the next request
    /// asks again. This happens when that ends, however it ends.
    pub(super) const fn drop_refusal_on_drop(&self, id: u128) -> DropRefusalOnDrop<'_> {
        DropRefusalOnDrop { leases: self, id }
    }
}

#[must_use]
pub(super) struct ForgetOnDrop<'a> {
    leases: &'a Leases,
    id: u128,
}

impl Drop for ForgetOnDrop<'_> {
    fn drop(&mut self) {
        let _forgotten = self.leases.shard(self.id).remove(&self.id);
    }
}

#[must_use]
pub(super) struct DropRefusalOnDrop<'a> {
    leases: &'a Leases,
    id: u128,
}

impl Drop for DropRefusalOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(lease) = self.leases.find(self.id) {
            lease.drop_refusal();
        }
    }
}

/// The units that this instance holds of one key.
pub(super) struct Lease {
    held: Mutex<Held>,
    /// The right to refill the lease: one permit. Requests that arrive in the meantime wait for the
    /// units.
    refill: Semaphore,
    waiting: AtomicU32,
}

struct Held {
    units: u32,
    /// When the server last answered.
    since: u64,
    /// Until when the server's answer is valid.
    until: u64,
    decision: Decision,
    /// After a refusal, no request that costs this much or more passes.
    refused: Option<u32>,
    refill: RefillState,
}

/// Whether the server is being asked for units.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RefillState {
    Idle,
    InFlight,
    /// In the meantime, units were given back in the server, so a refusal may be out of date.
    Overtaken,
}

/// The right to refill a lease, held until this is dropped.
pub(super) struct RefillPermit(Arc<Lease>);

/// A request that waits for a refill, counted until this is dropped.
pub(super) struct Waiting<'a>(&'a AtomicU32);

impl Lease {
    const fn new() -> Self {
        Self {
            held: Mutex::new(Held {
                units: 0,
                since: 0,
                until: 0,
                decision: Decision::from_parts(0, [0; MAX_QUOTAS]),
                refused: None,
                refill: RefillState::Idle,
            }),
            refill: Semaphore::const_new(1),
            waiting: AtomicU32::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides from the held units, if there are enough, or from the server's last answer.
    pub(super) fn decide(&self, quotas: &[Gcra], units: u32, now: u64) -> Option<Decision> {
        let mut held = self.lock();
        if now >= held.until {
            return None;
        }
        let elapsed = now.saturating_sub(held.since);
        match held.refused {
            None => {}
            Some(refused) if units >= refused => {
                let mut decision = held.decision;
                decision.change(quotas, |_, until_full| until_full.saturating_sub(elapsed));
                return Some(decision);
            }
            // Only the server knows.
            Some(_) => return None,
        }
        held.units = held.units.checked_sub(units)?;
        Some(held.left(quotas, elapsed))
    }

    /// Waits with others, unless serving all of them one after the other would take more than a few
    /// batches.
    pub(super) fn wait(&self, batch: u32) -> Option<Waiting<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let waiting = Waiting(&self.waiting);
        (before < batch.saturating_mul(BATCHES_IN_QUEUE)).then_some(waiting)
    }

    /// Waits for the right to refill the lease, until the deadline.
    pub(super) async fn refill_permit(self: &Arc<Self>, deadline: Instant) -> Option<RefillPermit> {
        let permit = timeout_at(deadline, self.refill.acquire())
            .await
            .ok()?
            .ok()?;
        permit.forget();
        Some(RefillPermit(Arc::clone(self)))
    }

    /// Takes out the remaining units, to return them. Until the refill ends, none are added.
    pub(super) fn empty(&self) -> u32 {
        let mut held = self.lock();
        held.refill = RefillState::InFlight;
        mem::take(&mut held.units)
    }

    /// Applies the server's answer to a request that costs `units`.
    pub(super) fn fill(
        &self,
        quotas: &[Gcra],
        reply: &Reply,
        units: u32,
        now: u64,
        ttl: u64,
    ) -> Decision {
        let mut held = self.lock();
        held.since = now;
        held.decision = reply.decision;
        if !reply.decision.passes() {
            let is_current = held.refill != RefillState::Overtaken;
            let wait = reply.decision.wait(quotas, units);
            held.until = if is_current {
                now.saturating_add(wait.min(ttl))
            } else {
                0
            };
            held.refused = is_current.then_some(units);
            return reply.decision;
        }
        held.until = now.saturating_add(ttl);
        held.refused = None;
        held.units = reply.taken.saturating_sub(units);
        held.left(quotas, 0)
    }

    fn give_back(&self, units: u32, batch: u32, now: u64) -> bool {
        let mut held = self.lock();
        let sum = held.units.saturating_add(units);
        let is_closed = held.refused.is_some() || held.refill != RefillState::Idle;
        if is_closed || now >= held.until || sum >= batch {
            return false;
        }
        held.units = sum;
        true
    }

    fn drop_refusal(&self) {
        let mut held = self.lock();
        if held.refill == RefillState::InFlight {
            held.refill = RefillState::Overtaken;
        }
        if held.refused.take().is_some() {
            held.until = 0;
        }
    }
}

impl Held {
    /// The client's balance as far as this instance knows: what was left in the server, plus what is
    /// held here.
    fn left(&self, quotas: &[Gcra], elapsed: u64) -> Decision {
        let mut decision = self.decision;
        decision.change(quotas, |quota, until_full| {
            let held = quota.cost(self.units);
            until_full.saturating_sub(elapsed).saturating_sub(held)
        });
        decision
    }
}

impl RefillPermit {
    pub(super) fn lease(&self) -> &Lease {
        &self.0
    }
}

impl Drop for RefillPermit {
    fn drop(&mut self) {
        self.0.lock().refill = RefillState::Idle;
        self.0.refill.add_permits(1);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
