//! Keeps, for each key, the times at which its quotas will be whole again.

use std::sync::{Mutex, MutexGuard, PoisonError};

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
        let mut shard = self.shard(key);
        let entry = shard.entry(key.high, |entry| entry.0 == key, |entry| entry.0.high);
        let mut entry = entry.or_insert_with(|| (key, vec![0; self.width].into()));
        Some(update(&mut entry.get_mut().1))
    }

    /// Reads the times of a key that is kept.
    pub(super) fn read<T>(&self, key: Fingerprint, read: impl FnOnce(&[u64]) -> T) -> Option<T> {
        let shard = self.shard(key);
        let found = shard.find(key.high, |entry| entry.0 == key);
        found.map(|entry| read(&entry.1))
    }

    /// Forgets a key.
    pub(super) fn remove(&self, key: Fingerprint) {
        let mut shard = self.shard(key);
        if let Ok(entry) = shard.find_entry(key.high, |entry| entry.0 == key) {
            drop(entry.remove());
        }
    }

    fn shard(&self, key: Fingerprint) -> MutexGuard<'_, HashTable<(Fingerprint, Box<[u64]>)>> {
        let n = usize::try_from(key.low >> 40).unwrap_or_default();
        let shard = self.shards[n % SHARDS].lock();
        shard.unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of keys that are kept.
    pub(super) fn len(&self) -> usize {
        let shards = self.shards.iter();
        let locked = shards.map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner));
        locked.map(|shard| shard.len()).sum()
    }
}
