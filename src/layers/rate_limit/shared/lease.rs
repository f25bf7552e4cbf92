//! Units that an instance has taken from the store in advance, and spends without asking.
//!
//! What an instance holds of a key after a decision is at most `batch - 1` units: what it takes is
//! at most `batch`, it gives back what it held with the same call, and the request that it asks
//! for takes at least one. See the page of the module for what follows.

use std::{
    collections::HashMap,
    collections::hash_map::Entry,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::sync::Semaphore;

use super::{
    super::{rule::Rule, verdict::Verdict},
    script::Reply,
};

const SHARDS: usize = 64;

/// The most keys in one shard: 32,768 in all, about 10 MB.
const KEYS_IN_SHARD: usize = 512;

/// The batches that requests wait for at most.
const BATCHES_IN_QUEUE: u32 = 4;

/// What this instance holds, of all keys.
pub(super) struct Leases {
    pub(super) batch: u32,
    /// Nanoseconds.
    ttl: u64,
    shards: [Mutex<HashMap<u128, Arc<Lease>>>; SHARDS],
}

/// What this instance holds of one key.
pub(super) struct Lease {
    purse: Mutex<Purse>,
    /// One request asks; those that come meanwhile wait for what it gets.
    pub(super) turn: Semaphore,
    waiting: AtomicU32,
}

struct Purse {
    units: u32,
    /// When the store was last asked.
    since: u64,
    /// Until when; in between, what the store has said holds.
    until: u64,
    /// What the store said: after a refusal, nothing that costs `refused` or more passes.
    verdict: Verdict,
    refused: Option<u32>,
}

/// A place among those who wait for a turn.
pub(super) struct Place<'a>(&'a AtomicU32);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Leases {
    pub(super) fn new(batch: u32, ttl: u64) -> Self {
        Self {
            batch,
            ttl,
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    fn shard(&self, id: u128) -> MutexGuard<'_, HashMap<u128, Arc<Lease>>> {
        let n = usize::try_from(id >> 100).unwrap_or_default();
        let shard = self.shards[n % SHARDS].lock();
        shard.unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease of a key. `None` if there is no room for another: such keys ask each time.
    pub(super) fn of(&self, id: u128, now: u64) -> Option<Arc<Lease>> {
        let mut shard = self.shard(id);
        if shard.len() >= KEYS_IN_SHARD && !shard.contains_key(&id) {
            shard.retain(|_, lease| Arc::strong_count(lease) > 1 || lease.purse().until > now);
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

    /// The lease of a key that has one.
    pub(super) fn find(&self, id: u128) -> Option<Arc<Lease>> {
        self.shard(id).get(&id).map(Arc::clone)
    }

    /// Gives units back to the lease of a key, if it has one and has room.
    pub(super) fn give_back(&self, id: u128, units: u32, now: u64) -> bool {
        let lease = self.find(id);
        lease.is_some_and(|lease| lease.give_back(units, self.batch, now))
    }

    /// Lets go of what is held of a key: its counts were changed from outside.
    pub(super) fn forget(&self, id: u128) {
        self.shard(id).remove(&id);
    }
}

impl Lease {
    const fn new() -> Self {
        Self {
            purse: Mutex::new(Purse {
                units: 0,
                since: 0,
                until: 0,
                verdict: Verdict::WHOLE,
                refused: None,
            }),
            turn: Semaphore::const_new(1),
            waiting: AtomicU32::new(0),
        }
    }

    fn purse(&self) -> MutexGuard<'_, Purse> {
        self.purse.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides from what is held, if that is enough, or from what the store said last.
    pub(super) fn decide(&self, rules: &[Rule], units: u32, now: u64) -> Option<Verdict> {
        let mut purse = self.purse();
        if now >= purse.until {
            return None;
        }
        let elapsed = now.saturating_sub(purse.since);
        if purse.refused.is_some_and(|refused| units >= refused) {
            let mut verdict = purse.verdict;
            verdict.change(rules, |_, ahead| ahead.saturating_sub(elapsed));
            return Some(verdict);
        }
        purse.units = purse.units.checked_sub(units)?;
        Some(purse.standing(rules, elapsed))
    }

    /// A place to wait in, unless so many wait already that it would take more than a few batches
    /// for all of them, one after the other.
    pub(super) fn queue(&self, batch: u32) -> Option<Place<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let place = Place(&self.waiting);
        (before < batch.saturating_mul(BATCHES_IN_QUEUE)).then_some(place)
    }

    /// Takes what is left, to give it back.
    pub(super) fn empty(&self) -> u32 {
        std::mem::take(&mut self.purse().units)
    }

    /// Takes over what the store has said to a request of so many units.
    pub(super) fn fill(
        &self,
        rules: &[Rule],
        reply: &Reply,
        units: u32,
        now: u64,
        ttl: u64,
    ) -> Verdict {
        let mut purse = self.purse();
        purse.since = now;
        purse.verdict = reply.verdict;
        if !reply.verdict.passes() {
            let wait = reply.verdict.wait(rules, units);
            purse.until = now.saturating_add(wait.min(ttl));
            purse.refused = Some(units);
            return reply.verdict;
        }
        purse.until = now.saturating_add(ttl);
        purse.refused = None;
        purse.units = reply.taken.saturating_sub(units);
        purse.standing(rules, 0)
    }

    fn give_back(&self, units: u32, batch: u32, now: u64) -> bool {
        let mut purse = self.purse();
        let held = purse.units.saturating_add(units);
        if now >= purse.until || purse.refused.is_some() || held >= batch {
            return false;
        }
        purse.units = held;
        true
    }
}

impl Leases {
    pub(super) const fn ttl(&self) -> u64 {
        self.ttl
    }
}

impl Purse {
    /// What the client has left as far as this instance knows: what was left in the store, and
    /// what is held here.
    fn standing(&self, rules: &[Rule], elapsed: u64) -> Verdict {
        let mut verdict = self.verdict;
        verdict.change(rules, |rule, ahead| {
            let held = rule.interval().saturating_mul(self.units.into());
            ahead.saturating_sub(elapsed).saturating_sub(held)
        });
        verdict
    }
}
