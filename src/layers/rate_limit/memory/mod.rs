//! Counts in the memory of this process: for each key, the times at which its quotas are full.
//!
//! A key whose times have passed is idle: it does not differ from a key that was never seen, and may
//! be dropped. Only the other keys have to be kept, up to a number that is never exceeded.
//!
//! The keys are in shards, each behind a lock that is held only for arithmetic. Lookups drop idle
//! keys, without a thread: a shard is swept before it grows and before it refuses a key or drops one
//! that is not idle, and in addition all shards are swept in turn. No lookup sweeps more than its own
//! shard and one other.

mod table;
#[cfg(test)]
mod tests;

#[cfg(feature = "metrics")]
use std::sync::OnceLock;
use std::{sync::LazyLock, time::Duration};

#[cfg(feature = "metrics")]
use metrics::{Counter, Gauge, SharedString};

use self::table::{KeyTable, stored};
use super::gcra::{Decision, Gcra, MAX_QUOTAS, now};
use crate::{
    request::key::{Fingerprint, KeyWriter, Seed},
    support::{
        clock::Clock,
        shards::{Shards, shards_for},
    },
    wire::{ConfigError, Problem},
};

/// How many keys are compared when one has to be dropped.
const CANDIDATES: usize = 32;

/// What happens to a new key when a limit has reached its maximum number of keys.
///
/// Keys whose quotas are full are dropped first, because nothing is lost with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The new key is refused with 503, until the quotas of other keys are full again. No key gets
    /// more than its quota, but a client that can make up keys can lock out all new clients.
    Refuse,
    /// The new key replaces a key whose quotas will soon be full: the first of 32 that are compared.
    /// Made-up keys with one request each displace one another, but not a client that has spent its
    /// quota.
    #[default]
    Evict,
}

/// A validated number of keys, and what happens when it is reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    keys: usize,
    overflow: Overflow,
}

impl Capacity {
    pub(super) fn new(keys: usize, overflow: Overflow) -> Result<Self, ConfigError> {
        if keys == 0 {
            return Err(ConfigError::new(
                "RateLimit",
                "a limit that may keep 0 keys would limit nothing or reject everything",
            ));
        }
        Ok(Self { keys, overflow })
    }

    /// Whether new keys can be refused.
    pub(super) const fn refuses(self) -> bool {
        matches!(self.overflow, Overflow::Refuse)
    }
}

/// 1,000,000 keys, with [`Overflow::Evict`].
impl Default for Capacity {
    fn default() -> Self {
        Self {
            keys: 1_000_000,
            overflow: Overflow::Evict,
        }
    }
}

/// The counts of a limit.
pub(super) struct Memory {
    seed: Seed,
    clock: Clock,
    shards: Shards<KeyShard>,
    overflow: Overflow,
    keys_per_shard: usize,
    // Boxed, because it would be most of the size.
    metrics: Box<KeyMetrics>,
}

/// The limit has reached its maximum number of keys, and refuses new ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Full;

/// The wait for a full store: when its keys become idle is unknown.
pub(super) const RETRY_WHEN_FULL: Duration = Duration::from_secs(60);

pub(super) static FULL: LazyLock<Problem> = LazyLock::new(|| {
    Problem::reduced_capacity()
        .reason("store_full")
        .because("the limit has its maximum number of keys, and refuses new ones")
});

impl Memory {
    /// Counts of up to `width` quotas for each key, 1 to 8.
    pub(super) fn new(capacity: Capacity, width: usize, clock: Clock) -> Self {
        let shards = shards_for(capacity.keys);
        Self {
            seed: Seed::random(),
            clock,
            shards: Shards::new(shards, || KeyShard::new(width)),
            overflow: capacity.overflow,
            // Together never more than `keys`.
            keys_per_shard: capacity.keys / shards,
            metrics: Box::default(),
        }
    }

    /// The names of the quotas, for metrics.
    pub(super) fn of(mut self, quotas: &str) -> Self {
        self.metrics = Box::new(KeyMetrics::new(quotas));
        self
    }

    /// The hash under which a key is kept.
    pub(super) fn fingerprint<E>(
        &self,
        write: impl FnOnce(&mut KeyWriter<'_>) -> Result<(), E>,
    ) -> Result<Fingerprint, E> {
        self.seed.fingerprint(write)
    }

    /// Takes units from every quota of the key, or from none.
    pub(super) fn take(
        &self,
        key: Fingerprint,
        quotas: &[Gcra],
        units: u32,
    ) -> Result<Decision, Full> {
        let now = now(&self.clock);
        self.update(key, now, |times| Decision::take(quotas, times, now, units))
    }

    /// Changes the time until each quota of the key is full, however much is left.
    pub(super) fn force(
        &self,
        key: Fingerprint,
        quotas: &[Gcra],
        change: impl Fn(&Gcra, u64) -> u64,
    ) -> Result<Decision, Full> {
        let now = now(&self.clock);
        self.update(key, now, |times| {
            Decision::force(quotas, times, now, change)
        })
    }

    /// The balance of a key.
    pub(super) fn peek(&self, key: Fingerprint) -> Decision {
        let now = now(&self.clock);
        let found = self.read(key, |times| Decision::read(times, now));
        found.unwrap_or_default()
    }

    /// Makes the quotas of a key full; returns whether the key was kept.
    pub(super) fn reset(&self, key: Fingerprint) -> bool {
        let key = stored(key);
        let was_kept = self.shards.lock(key.low).table.remove(key);
        if was_kept {
            self.metrics.changed(1, 0);
        }
        was_kept
    }

    /// The number of keys that are kept.
    pub(super) fn len(&self) -> usize {
        self.shards.each().map(|shard| shard.table.len).sum()
    }

    /// Changes the times of a key; those of a key that is not kept are 0. The key is kept if one of
    /// them is later than now.
    fn update<T>(
        &self,
        key: Fingerprint,
        now: u64,
        change: impl FnOnce(&mut [u64]) -> T,
    ) -> Result<T, Full> {
        let key = stored(key);
        let mut shard = self.shards.lock(key.low);
        let before = shard.table.len;
        let outcome = shard.update(key, now, self, change);
        let after = shard.table.len;
        drop(shard);
        self.metrics.changed(before, after);
        self.shards.sweep(now, |shard| {
            let before = shard.table.len;
            shard.sweep(now);
            self.metrics.changed(before, shard.table.len);
        });
        outcome
    }

    /// Reads the times of a key; `None` if it is not kept, which is equivalent to 0.
    fn read<T>(&self, key: Fingerprint, read: impl FnOnce(&[u64]) -> T) -> Option<T> {
        let key = stored(key);
        self.shards.lock(key.low).table.times(key).map(read)
    }
}

/// The gauge sums over the limits with the same names.
#[cfg(feature = "metrics")]
impl Drop for Memory {
    fn drop(&mut self) {
        self.metrics.changed(self.len(), 0);
    }
}

/// Reports how many keys are kept, and how many have been evicted.
#[cfg(feature = "metrics")]
#[derive(Default)]
struct KeyMetrics {
    limit: SharedString,
    /// Created when the first key arrives: by then a recorder is installed.
    keys: OnceLock<Gauge>,
    evictions: OnceLock<Counter>,
}

#[cfg(feature = "metrics")]
impl KeyMetrics {
    fn new(limit: &str) -> Self {
        Self {
            limit: limit.to_owned().into(),
            ..Self::default()
        }
    }

    fn changed(&self, before: usize, after: usize) {
        if before == after {
            return;
        }
        let keys = self.keys.get_or_init(
            || metrics::gauge!("wythe_rate_limit_keys", "limit" => self.limit.clone()),
        );
        let difference = |more: usize, less: usize| {
            // A shard has far fewer keys.
            f64::from(u32::try_from(more.saturating_sub(less)).unwrap_or(u32::MAX))
        };
        if after > before {
            keys.increment(difference(after, before));
        } else {
            keys.decrement(difference(before, after));
        }
    }

    fn evicted(&self) {
        let evictions = self.evictions.get_or_init(
            || metrics::counter!("wythe_rate_limit_evictions_total", "limit" => self.limit.clone()),
        );
        evictions.increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
#[derive(Default)]
struct KeyMetrics;

#[cfg(not(feature = "metrics"))]
#[expect(clippy::unused_self, reason = "it is used with `metrics`")]
impl KeyMetrics {
    const fn new(_: &str) -> Self {
        Self
    }

    const fn changed(&self, _: usize, _: usize) {}

    const fn evicted(&self) {}
}

/// A part of the keys: decides which ones are kept, and which are dropped.
struct KeyShard {
    table: KeyTable,
    /// No key becomes idle before this, so an earlier sweep would find nothing.
    earliest: u64,
}

impl KeyShard {
    const fn new(width: usize) -> Self {
        Self {
            table: KeyTable::new(width),
            earliest: u64::MAX,
        }
    }

    fn update<T>(
        &mut self,
        key: Fingerprint,
        now: u64,
        memory: &Memory,
        change: impl FnOnce(&mut [u64]) -> T,
    ) -> Result<T, Full> {
        if let Some(times) = self.table.times_mut(key) {
            let outcome = change(times);
            self.earliest = self.earliest.min(idle_at(times));
            return Ok(outcome);
        }
        let mut times = [0; MAX_QUOTAS];
        let times = times.get_mut(..self.table.width()).unwrap_or_default();
        let outcome = change(times);
        let idle_at = idle_at(times);
        if idle_at > now {
            self.make_room(key, now, memory)?;
            self.table.insert(key, times);
            self.earliest = self.earliest.min(idle_at);
        }
        Ok(outcome)
    }

    /// Drops idle keys and releases memory; returns whether it dropped any.
    fn sweep(&mut self, now: u64) -> bool {
        if now < self.earliest && !self.table.should_shrink() {
            return false;
        }
        let mut live = 0_usize;
        self.earliest = u64::MAX;
        for idle_at in self.table.all().map(idle_at).filter(|at| *at > now) {
            live = live.saturating_add(1);
            self.earliest = self.earliest.min(idle_at);
        }
        let dropped = live < self.table.len;
        if dropped || self.table.should_shrink() {
            self.table.rebuild(live, |times| idle_at(times) > now);
        }
        dropped
    }

    fn make_room(&mut self, key: Fingerprint, now: u64, memory: &Memory) -> Result<(), Full> {
        if self.table.len >= memory.keys_per_shard {
            if memory.overflow == Overflow::Refuse && now < self.earliest {
                return Err(Full);
            }
            let candidates = self.table.from(key).take(CANDIDATES);
            let candidates = candidates.map(|(key, times)| (idle_at(times), key));
            let (idle_at, soonest) = candidates.min().ok_or(Full)?;
            // If any key is idle, most often one of the candidates is.
            if idle_at <= now {
                self.table.remove(soonest);
            } else if !self.sweep(now) {
                match memory.overflow {
                    Overflow::Refuse => return Err(Full),
                    Overflow::Evict => {
                        memory.metrics.evicted();
                        self.table.remove(soonest)
                    }
                };
            }
        }
        if self.table.should_grow() {
            self.sweep(now);
        }
        if self.table.should_grow() {
            let keys = self.table.len.saturating_add(1);
            self.table.rebuild(keys, |_| true);
        }
        Ok(())
    }
}

/// When all quotas of a key are full: from then on it does not differ from a key that was never seen.
fn idle_at(times: &[u64]) -> u64 {
    times.iter().copied().max().unwrap_or_default()
}
