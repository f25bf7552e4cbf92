//! Keeps, for each key, the times at which its quotas will be whole again.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    slice,
    sync::{Mutex, PoisonError},
};

use hashbrown::{HashTable, hash_table::Entry};

use super::rule::{Rule, Verdict, judge};

/// More shards mean less waiting for each other and shorter sweeps.
const SHARDS: usize = 64;

/// Nanoseconds after which a shard is swept, whether it has grown or not.
const SWEEP_EVERY: u64 = 60_000_000_000;

/// A shard of fewer keys is not swept for its growth.
const FEW: usize = 64;

/// A table of keys in shards, each behind a lock of its own.
///
/// A key whose quotas are whole is like one never seen, so it can be dropped. A shard is swept
/// when it has doubled since it was swept last, and once a minute while it is used. Whoever comes
/// then pays for it: for 1/64 of the keys.
pub(super) struct Store<K> {
    hasher: RandomState,
    shards: [Mutex<Shard<K>>; SHARDS],
}

struct Shard<K> {
    table: HashTable<(K, Times)>,
    /// The number of keys at which it is swept.
    crowded: usize,
    /// The time at which it is swept.
    due: u64,
}

/// A time for each quota; one quota needs no allocation.
enum Times {
    One(u64),
    Several(Box<[u64]>),
}

impl<K: Hash + Eq> Store<K> {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| {
                Mutex::new(Shard {
                    table: HashTable::new(),
                    crowded: FEW,
                    due: 0,
                })
            }),
        }
    }

    /// Takes one request from every quota of the key, or from none.
    pub(super) fn check(&self, key: K, rules: &[Rule], now: u64) -> Verdict {
        let hash = self.hasher.hash_one(&key);
        // A panic in a key's `Eq` leaves whole numbers behind, so the lock is as good as before.
        let mut shard = self
            .shard(hash)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if now >= shard.due || shard.table.len() >= shard.crowded {
            shard.sweep(now, &self.hasher);
        }
        let same = |entry: &(K, Times)| entry.0 == key;
        match shard
            .table
            .entry(hash, same, |entry| self.hasher.hash_one(&entry.0))
        {
            Entry::Occupied(mut entry) => judge(rules, entry.get_mut().1.as_mut_slice(), now),
            Entry::Vacant(entry) => {
                let mut times = Times::whole(rules.len());
                let verdict = judge(rules, times.as_mut_slice(), now);
                entry.insert((key, times));
                verdict
            }
        }
    }

    /// The number of keys that are kept.
    pub(super) fn len(&self) -> usize {
        let shards = self.shards.iter();
        let locked = shards.map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner));
        locked.map(|shard| shard.table.len()).sum()
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard<K>> {
        // The table finds its places by the lowest bits and the 7 highest.
        let n = usize::try_from(hash >> 40).unwrap_or_default();
        // In bounds, as there are `SHARDS` shards.
        &self.shards[n % SHARDS]
    }
}

impl<K: Hash> Shard<K> {
    fn sweep(&mut self, now: u64, hasher: &RandomState) {
        self.table.retain(|(_, times)| {
            let times = times.as_slice();
            times.iter().any(|time| *time > now)
        });
        let wanted = self.table.len().saturating_mul(2).max(FEW);
        if self.table.capacity() > wanted.saturating_mul(2) {
            self.table
                .shrink_to(wanted, |entry| hasher.hash_one(&entry.0));
        }
        self.crowded = wanted;
        self.due = now.saturating_add(SWEEP_EVERY);
    }
}

impl Times {
    /// Quotas that are whole.
    fn whole(quotas: usize) -> Self {
        if quotas == 1 {
            return Self::One(0);
        }
        Self::Several(vec![0; quotas].into())
    }

    const fn as_slice(&self) -> &[u64] {
        match self {
            Self::One(time) => slice::from_ref(time),
            Self::Several(times) => times,
        }
    }

    const fn as_mut_slice(&mut self) -> &mut [u64] {
        match self {
            Self::One(time) => slice::from_mut(time),
            Self::Several(times) => times,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::key::PeerKey, Times};

    #[test]
    fn a_peer_with_one_quota_takes_32_bytes_and_a_byte_of_the_table() {
        assert_eq!(size_of::<(PeerKey, Times)>(), 32);
    }
}
