//! Counts in the memory of this process: for each key, the times at which its quotas are whole.
//!
//! A key whose times have passed is idle: it is like one that was never seen, and may be dropped.
//! So only the others have to be kept, up to a number that is never exceeded.
//!
//! The keys are in shards, each behind a lock that is held for arithmetic only. Look-ups drop what
//! is idle, without a thread: a shard is swept before it grows and before it refuses a key or drops
//! one that is not idle, and every shard in turn. No look-up sweeps more than its own shard and one
//! other.

#[cfg(test)]
mod tests;

use std::mem;
#[cfg(feature = "metrics")]
use std::sync::OnceLock;

#[cfg(feature = "metrics")]
use metrics::{Counter, Gauge, SharedString};

use super::gcra::{Decision, Gcra, MOST_QUOTAS, now};
use crate::{
    request::key::{Fingerprint, KeyWriter, Seed},
    support::{clock::Clock, shards::Shards},
    wire::ConfigError,
};

/// Keys for each shard: few enough to go through all of them at once, and enough for the shards to
/// fill up almost evenly.
const KEYS_PER_SHARD: usize = 1_024;

/// 4 MB of shards before the first key. Stores of over 134 million keys have larger shards.
const MOST_SHARDS: usize = 1 << 16;

/// How many keys are compared when one has to go.
const CANDIDATES: usize = 32;

/// What happens to a new key when a limit keeps as many as it may.
///
/// Keys whose quotas are whole are dropped first, as nothing is lost with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// It is refused with 503, until the quotas of others are whole again. Nobody gets more than
    /// their quota, but a client that can make up keys can shut out everybody who is new.
    Refuse,
    /// It takes the place of a key whose quotas will be whole again soon, the first of 32 that are
    /// compared. Made-up keys with one request each push out each other, and not a client that
    /// has spent its quota.
    #[default]
    Evict,
}

/// A number of keys that was checked, and what happens when it is reached.
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

    /// A power of two.
    const fn shards(self) -> usize {
        match self.keys / KEYS_PER_SHARD {
            0 => 1,
            MOST_SHARDS.. => MOST_SHARDS,
            shards => 1 << shards.ilog2(),
        }
    }
}

/// 1,000,000 keys, of which the old make room for the new.
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
    // In a box, because it is most of the size.
    metrics: Box<KeyMetrics>,
}

/// The limit keeps as many keys as it may, and refuses new ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Full;

impl Memory {
    /// Counts of up to `width` quotas for each key, 1 to 8.
    pub(super) fn new(capacity: Capacity, width: usize, clock: Clock) -> Self {
        let shards = capacity.shards();
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

    /// The hash of a key, by which it is kept.
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

    /// Changes how far each quota of the key is ahead, whatever is left.
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

    /// What is left of a key.
    pub(super) fn peek(&self, key: Fingerprint) -> Decision {
        let now = now(&self.clock);
        let found = self.read(key, |times| Decision::read(times, now));
        found.unwrap_or_default()
    }

    /// Makes the quotas of a key whole; whether it was kept.
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

    /// Changes the times of a key; those of a key that is not kept are 0. It is kept if one of
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

    /// Reads the times of a key; `None` if it is not kept, which is as if they were 0.
    fn read<T>(&self, key: Fingerprint, read: impl FnOnce(&[u64]) -> T) -> Option<T> {
        let key = stored(key);
        self.shards.lock(key.low).table.times(key).map(read)
    }
}

/// The gauge adds up the limits with the same names.
#[cfg(feature = "metrics")]
impl Drop for Memory {
    fn drop(&mut self) {
        self.metrics.changed(self.len(), 0);
    }
}

/// Tells a recorder how many keys are kept, and how many have made room for others.
#[cfg(feature = "metrics")]
#[derive(Default)]
struct KeyMetrics {
    limit: SharedString,
    /// Asked for when the first key comes: then a recorder is installed.
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
            // A shard has far fewer.
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
impl KeyMetrics {
    const fn new(_: &str) -> Self {
        Self
    }

    const fn changed(&self, _: usize, _: usize) {}

    const fn evicted(&self) {}
}

/// In tables, 0 marks an empty slot.
fn stored(key: Fingerprint) -> Fingerprint {
    let high = key.high.max(EMPTY.saturating_add(1));
    Fingerprint { high, ..key }
}

/// A part of the keys: which are kept, and which are dropped.
struct KeyShard {
    table: KeyTable,
    /// No key is idle before this, so a sweep before it would find nothing.
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
        let mut times = [0; MOST_QUOTAS];
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

    /// Drops the keys that are idle and gives memory back; whether it dropped any.
    fn sweep(&mut self, now: u64) -> bool {
        if now < self.earliest && !self.table.is_loose() {
            return false;
        }
        let mut live = 0_usize;
        self.earliest = u64::MAX;
        for idle_at in self.table.all().map(idle_at).filter(|at| *at > now) {
            live = live.saturating_add(1);
            self.earliest = self.earliest.min(idle_at);
        }
        let dropped = live < self.table.len;
        if dropped || self.table.is_loose() {
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
            // Most often one of the candidates is idle, if any key is.
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
        if self.table.is_tight() {
            self.sweep(now);
        }
        if self.table.is_tight() {
            let keys = self.table.len.saturating_add(1);
            self.table.rebuild(keys, |_| true);
        }
        Ok(())
    }
}

/// When all quotas of a key are whole: from then on it is like one that was never seen.
fn idle_at(times: &[u64]) -> u64 {
    times.iter().copied().max().unwrap_or_default()
}

/// The first word of a slot without a key.
const EMPTY: u64 = 0;

/// Keys in the order of their hashes, and the same number of times for each: linear probing
/// without deletion marks.
///
/// Each key has a home: the slot at the same part of the table as its hash is of all hashes. It
/// stands there or to the right of it, with no empty slot between. As the keys are in order, a
/// search for one that is missing ends where it would be, removing one closes the gap, and a
/// table of another size is made in one pass from left to right. So it can be four fifths full
/// and grow in steps of a third, where a table of buckets that doubles would waste twice the
/// memory after each step.
struct KeyTable {
    /// Slots of `stride` words: two of the key, then its times. A place is an offset in words.
    words: Vec<u64>,
    stride: usize,
    /// The number of slots that are homes. There may be more: a tail for keys that found the last
    /// homes taken, instead of wrapping around.
    homes: usize,
    len: usize,
}

impl KeyTable {
    const fn new(width: usize) -> Self {
        Self {
            words: Vec::new(),
            stride: width.saturating_add(2),
            homes: 0,
            len: 0,
        }
    }

    /// The number of times for each key.
    const fn width(&self) -> usize {
        self.stride.saturating_sub(2)
    }

    #[cfg(test)]
    const fn bytes(&self) -> usize {
        self.words.capacity().saturating_mul(size_of::<u64>())
    }

    /// Whether one more key would make searches slow.
    const fn is_tight(&self) -> bool {
        self.len >= self.homes.saturating_mul(4) / 5
    }

    /// Whether it wastes memory.
    const fn is_loose(&self) -> bool {
        self.len < self.homes / 2
    }

    /// The times of a key.
    fn times(&self, key: Fingerprint) -> Option<&[u64]> {
        let at = self.find(key).ok()?;
        self.words.get(at..)?.get(2..self.stride)
    }

    fn times_mut(&mut self, key: Fingerprint) -> Option<&mut [u64]> {
        let at = self.find(key).ok()?;
        self.words.get_mut(at..)?.get_mut(2..self.stride)
    }

    /// The times of all keys, in their order.
    fn all(&self) -> impl Iterator<Item = &[u64]> {
        entries(&self.words, self.stride).map(|(_, times)| times)
    }

    /// The keys and their times, from the home of a key on and then from the start.
    fn from(&self, key: Fingerprint) -> impl Iterator<Item = (Fingerprint, &[u64])> {
        let home = self.words.split_at_checked(self.home(key.high));
        let (before, after) = home.unwrap_or((&[], &self.words));
        entries(after, self.stride).chain(entries(before, self.stride))
    }

    /// Adds a key that is not there.
    fn insert(&mut self, key: Fingerprint, times: &[u64]) {
        let (Ok(at) | Err(at)) = self.find(key);
        let mut end = at;
        while self.words.get(end).is_some_and(|high| *high != EMPTY) {
            end = end.saturating_add(self.stride);
        }
        self.reach(end.saturating_add(self.stride));
        self.words
            .copy_within(at..end, at.saturating_add(self.stride));
        self.put(at, key, times);
    }

    /// Removes a key: those that it kept from their homes move to the left.
    fn remove(&mut self, key: Fingerprint) -> bool {
        let Ok(at) = self.find(key) else {
            return false;
        };
        let next = at.saturating_add(self.stride);
        let mut end = next;
        while let Some(high) = self.words.get(end)
            && *high != EMPTY
            && self.home(*high) < end
        {
            end = end.saturating_add(self.stride);
        }
        self.words.copy_within(next..end, at);
        if let Some(last) = self.words.get_mut(end.saturating_sub(self.stride)..end) {
            last.fill(EMPTY);
        }
        self.len = self.len.saturating_sub(1);
        true
    }

    /// Keeps only some keys, in a table of the right size for that many.
    fn rebuild(&mut self, keys: usize, mut keep: impl FnMut(&[u64]) -> bool) {
        // Three fifths full: up to a third more until the next time.
        self.homes = keys.saturating_mul(5).div_ceil(3);
        self.len = 0;
        let slots = self.homes.saturating_add(self.homes / 64);
        let empty = vec![EMPTY; slots.saturating_mul(self.stride)];
        let old = mem::replace(&mut self.words, empty);
        let mut next = 0;
        for (key, times) in entries(&old, self.stride).filter(|(_, times)| keep(times)) {
            let at = self.home(key.high).max(next);
            next = at.saturating_add(self.stride);
            self.reach(next);
            self.put(at, key, times);
        }
    }

    /// Writes a key into a slot that is free.
    fn put(&mut self, at: usize, key: Fingerprint, times: &[u64]) {
        if let Some([high, low, slot @ ..]) = self.words.get_mut(at..) {
            (*high, *low) = (key.high, key.low);
            slot.iter_mut()
                .zip(times)
                .for_each(|(to, from)| *to = *from);
        }
        self.len = self.len.saturating_add(1);
    }

    /// Where a key is, or where it would be.
    fn find(&self, key: Fingerprint) -> Result<usize, usize> {
        let mut at = self.home(key.high);
        while let Some([high, low, ..]) = self.words.get(at..) {
            if *high == key.high && *low == key.low {
                return Ok(at);
            }
            if *high == EMPTY || (*high, *low) > (key.high, key.low) {
                break;
            }
            at = at.saturating_add(self.stride);
        }
        Err(at)
    }

    /// Always within the table.
    fn home(&self, high: u64) -> usize {
        let homes = u128::try_from(self.homes).unwrap_or_default();
        let home = u128::from(high).saturating_mul(homes) >> 64;
        usize::try_from(home)
            .unwrap_or_default()
            .saturating_mul(self.stride)
    }

    /// Lengthens the tail if it ends before.
    fn reach(&mut self, end: usize) {
        if self.words.len() < end {
            let end = end.saturating_add(self.stride.saturating_mul(3));
            self.words
                .reserve_exact(end.saturating_sub(self.words.len()));
            self.words.resize(end, EMPTY);
        }
    }
}

/// The keys of some slots, and their times.
fn entries(words: &[u64], stride: usize) -> impl Iterator<Item = (Fingerprint, &[u64])> {
    words.chunks_exact(stride).filter_map(|slot| match slot {
        [EMPTY, ..] => None,
        [high, low, times @ ..] => Some((
            Fingerprint {
                high: *high,
                low: *low,
            },
            times,
        )),
        _ => None,
    })
}
