//! A table in shards, each behind a lock of its own, and the hasher for keys that are hashes.
//!
//! Threads that look up different keys rarely wait for each other, and what is done to a whole
//! table (a sweep, a count) is done to one shard at a time. No lock is held for longer than one
//! call, and none across an await.

use std::{
    hash::Hasher,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

pub(crate) struct Shards<T> {
    /// A power of two.
    shards: Box<[Shard<T>]>,
    sweep: Sweep,
}

/// In a cache line of its own, so that threads at two shards do not wait for each other.
#[repr(align(64))]
struct Shard<T>(Mutex<T>);

/// How many entries share a lock, at least: few enough to scan all of them at once, and enough for
/// the shards to fill up almost evenly.
const ENTRIES_PER_SHARD: usize = 1_024;

/// The empty shards take 4 MB. Tables of over 134 million entries have larger shards.
const MAX_SHARDS: usize = 1 << 16;

/// The number of shards of a table with room for this many entries, a power of two.
pub(crate) const fn shards_for(entries: usize) -> usize {
    match entries / ENTRIES_PER_SHARD {
        0 => 1,
        MAX_SHARDS.. => MAX_SHARDS,
        shards => 1 << shards.ilog2(),
    }
}

impl<T> Shards<T> {
    /// At least this many shards: the next power of two.
    pub(crate) fn new(count: usize, make: impl Fn() -> T) -> Self {
        let count = count.checked_next_power_of_two().unwrap_or(1);
        let shards = (0..count).map(|_| Shard(Mutex::new(make())));
        Self {
            shards: shards.collect(),
            sweep: Sweep::new(count),
        }
    }

    /// The shard of a key, by the lowest bits of its hash.
    pub(crate) fn lock(&self, hash: u64) -> MutexGuard<'_, T> {
        let mask = self.shards.len().wrapping_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::as_conversions,
            reason = "only the lowest bits count"
        )]
        let n = hash as usize & mask;
        #[expect(clippy::indexing_slicing, reason = "the mask is below the length")]
        self.shards[n].lock()
    }

    /// All shards, one after another.
    pub(crate) fn each(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        self.shards.iter().map(Shard::lock)
    }

    /// Sweeps the next shard if its sweep is due, and skips it if another thread holds its lock.
    ///
    /// Called with every look-up, it sweeps all shards in turn, even those that no traffic reaches.
    pub(crate) fn sweep(&self, now: u64, sweep: impl FnOnce(&mut T)) {
        let due = self.sweep.due(now);
        let Some(Shard(shard)) = due.and_then(|due| self.shards.get(due)) else {
            return;
        };
        match shard.try_lock() {
            Ok(mut shard) => sweep(&mut shard),
            Err(TryLockError::Poisoned(shard)) => sweep(&mut shard.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// The bytes of the shards without what they hold on the heap.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.shards)
    }
}

impl<T> Shard<T> {
    /// A panic under the lock leaves the table intact: only what a caller computes can panic.
    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nanoseconds in which every shard is swept once, if there are enough look-ups: a minute.
const SWEEP_PERIOD: u64 = 60_000_000_000;

/// Says which shard is to be swept next, at most one for each look-up. Nothing else depends on what it
/// reads, so threads may see it late.
struct Sweep {
    /// When the next turn is due.
    due: AtomicU64,
    next: AtomicUsize,
    shards: usize,
    /// Nanoseconds from one turn to the next.
    step: u64,
}

impl Sweep {
    fn new(shards: usize) -> Self {
        let step = SWEEP_PERIOD / u64::try_from(shards).unwrap_or(u64::MAX).max(1);
        Self {
            due: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            shards,
            step,
        }
    }

    /// The shard that is due, for one caller only.
    fn due(&self, now: u64) -> Option<usize> {
        let due = self.due.load(Relaxed);
        // It is further ahead than one step only if the clock was set back.
        if (1..=self.step).contains(&due.saturating_sub(now)) {
            return None;
        }
        // Turns that were missed without look-ups are made up for, up to one round.
        let next = due.clamp(now.saturating_sub(SWEEP_PERIOD), now);
        let next = next.saturating_add(self.step);
        self.due
            .compare_exchange(due, next, Relaxed, Relaxed)
            .ok()?;
        // A power of two, so that no turn is left out when the number wraps around.
        self.next.fetch_add(1, Relaxed).checked_rem(self.shards)
    }
}

/// Uses keys that are hashes already as their own hash: for maps whose keys write one `u64` that is
/// as good as random and that no client can choose.
#[derive(Default)]
pub(crate) struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, part: u64) {
        self.0 = part;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{SWEEP_PERIOD, Shards};

    #[test]
    fn hashes_choose_shards_by_their_lowest_bits() {
        let shards = Shards::new(5, || 0_u64);
        for hash in [0, 1, 7, 8, u64::MAX] {
            *shards.lock(hash) += 1;
        }
        let counts: Vec<u64> = shards.each().map(|shard| *shard).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 2]);
    }

    #[test]
    fn each_shard_is_swept_once_in_a_round() {
        let shards = Shards::new(8, || 0_u64);
        let step = SWEEP_PERIOD / 8;
        for look_up in 1..800 {
            shards.sweep(look_up * step / 100, |swept| *swept += 1);
        }
        assert!(shards.each().all(|swept| *swept == 1));
    }

    #[test]
    fn a_locked_shard_is_not_waited_for() {
        let shards = Shards::new(1, || ());
        let locked = shards.lock(0);
        shards.sweep(SWEEP_PERIOD, |()| panic!("swept a locked shard"));
        drop(locked);
    }
}
