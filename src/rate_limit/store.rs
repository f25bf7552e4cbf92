//! Keeps, for each key, the times at which its quotas will be whole again.

use std::sync::{Mutex, PoisonError};

use hashbrown::HashTable;

use crate::key::Fingerprint;

/// More shards mean less waiting for each other.
const SHARDS: usize = 64;

/// A table of keys in shards, each behind a lock of its own.
pub(super) struct Store {
    shards: [Mutex<HashTable<(Fingerprint, Box<[u64]>)>>; SHARDS],
    width: usize,
}

impl Store {
    /// A store of so many times for each key.
    pub(super) fn new(width: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            width,
        }
    }

    /// Changes the times of a key; those of a key that is not kept are 0. `None` if the store is
    /// full and refuses new keys.
    pub(super) fn update<T>(
        &self,
        key: Fingerprint,
        now: u64,
        update: impl FnOnce(&mut [u64]) -> T,
    ) -> Option<T> {
        let _ = now;
        let n = usize::try_from(key.low >> 40).unwrap_or_default();
        let mut shard = self.shards[n % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = shard.entry(key.high, |entry| entry.0 == key, |entry| entry.0.high);
        let mut entry = entry.or_insert_with(|| (key, vec![0; self.width].into()));
        Some(update(&mut entry.get_mut().1))
    }

    /// The number of keys that are kept.
    pub(super) fn len(&self) -> usize {
        let shards = self.shards.iter();
        let locked = shards.map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner));
        locked.map(|shard| shard.len()).sum()
    }
}
