//! Keeps, for each key, the times at which its quotas will be whole again.
//!
//! A key whose times have come is idle: it is like one that was never seen, and may be dropped. So
//! what has to be kept are the keys that are not, up to a number that is never exceeded.
//!
//! The keys are in shards, each behind a lock of its own that is held for arithmetic only. What
//! is idle is dropped by the checks themselves, without a thread: a shard is swept before it grows
//! and before it refuses a key or drops one that is not idle, and all are in turn, so that memory
//! comes back whichever shards the traffic meets. No check sweeps more than its own shard and one
//! other.

mod capacity;
mod shard;
mod table;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

pub(super) use self::capacity::Capacity;
pub use self::capacity::Overflow;
use self::shard::{Bounds, Shard};
use crate::{request::key::Fingerprint, support::sweep::Rotation};

/// Up to so many keys, and their times.
pub(super) struct Store {
    /// A power of two.
    shards: Box<[Line]>,
    bounds: Bounds,
    rotation: Rotation,
}

/// In a cache line of its own, so that threads at two shards do not wait for each other.
#[repr(align(64))]
struct Line(Mutex<Shard>);

impl Store {
    /// A store of so many times for each key, 1 to 8.
    pub(super) fn new(capacity: Capacity, width: usize) -> Self {
        let shards = capacity.shards();
        Self {
            shards: (0..shards)
                .map(|_| Line(Mutex::new(Shard::new(width))))
                .collect(),
            bounds: Bounds {
                keys: capacity.keys_per_shard(),
                overflow: capacity.overflow,
            },
            rotation: Rotation::new(shards),
        }
    }

    /// Changes the times of a key; those of a key that is not kept are 0. It is kept if one of
    /// them is later than now. `None` if the store is full and refuses new keys.
    pub(super) fn update<T>(
        &self,
        key: Fingerprint,
        now: u64,
        change: impl FnOnce(&mut [u64]) -> T,
    ) -> Option<T> {
        let (shard, key) = self.place(key)?;
        let outcome = shard.lock().update(key, now, &self.bounds, change);
        self.sweep_in_turn(now);
        outcome
    }

    /// Reads the times of a key; `None` if it is not kept, which is as if they were 0.
    pub(super) fn read<T>(&self, key: Fingerprint, read: impl FnOnce(&[u64]) -> T) -> Option<T> {
        let (shard, key) = self.place(key)?;
        shard.lock().read(key, read)
    }

    /// Forgets a key; whether it was kept.
    pub(super) fn remove(&self, key: Fingerprint) -> bool {
        self.place(key)
            .is_some_and(|(shard, key)| shard.lock().remove(key))
    }

    /// The number of keys that are kept.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// The bytes that it holds on the heap.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let tables: usize = self.shards.iter().map(|shard| shard.lock().bytes()).sum();
        tables.saturating_add(size_of_val(&*self.shards))
    }

    /// The shard of a key. It goes by one half of the hash, and the place within by the other.
    fn place(&self, key: Fingerprint) -> Option<(&Line, Fingerprint)> {
        let shards = u64::try_from(self.shards.len()).ok()?;
        let shard = usize::try_from(key.low & shards.wrapping_sub(1)).ok()?;
        // In tables, 0 is what stands where no key does.
        let high = key.high.max(1);
        let key = Fingerprint { high, ..key };
        Some((self.shards.get(shard)?, key))
    }

    /// Sweeps the shard whose turn it is, unless somebody is there: they will not mind the rest.
    fn sweep_in_turn(&self, now: u64) {
        let due = self.rotation.due(now);
        let Some(Line(shard)) = due.and_then(|due| self.shards.get(due)) else {
            return;
        };
        match shard.try_lock() {
            Ok(mut shard) => drop(shard.sweep(now)),
            Err(TryLockError::Poisoned(shard)) => drop(shard.into_inner().sweep(now)),
            Err(TryLockError::WouldBlock) => {}
        }
    }
}

impl Line {
    /// Only what a caller did to the times can have panicked; the table is whole.
    fn lock(&self) -> MutexGuard<'_, Shard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
