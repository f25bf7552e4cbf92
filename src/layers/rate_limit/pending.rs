//! What requests in progress hold of each key: units that were taken, and may be given back when their
//! responses are known.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use crate::support::shards::Shards;

const SHARDS: usize = 64;

/// The units of all keys. A key is kept while one of its requests is in progress, so their number is
/// bounded by that of the requests.
#[derive(Clone)]
pub(super) struct PendingUnits(Arc<Shards<HashMap<u128, u32>>>);

/// The units of one request, until this is dropped.
pub(super) struct Pending {
    all: PendingUnits,
    key: u128,
    units: u32,
}

impl PendingUnits {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shards::new(SHARDS, HashMap::new)))
    }

    pub(super) fn hold(&self, key: u128, units: u32) -> Pending {
        let mut shard = self.0.lock(hash(key));
        let held = shard.entry(key).or_default();
        *held = held.saturating_add(units);
        drop(shard);
        Pending {
            all: self.clone(),
            key,
            units,
        }
    }

    /// What the requests of a key hold.
    pub(super) fn of(&self, key: u128) -> u32 {
        let shard = self.0.lock(hash(key));
        shard.get(&key).copied().unwrap_or_default()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut shard = self.all.0.lock(hash(self.key));
        if let Entry::Occupied(mut held) = shard.entry(self.key) {
            let left = held.get().saturating_sub(self.units);
            if left == 0 {
                held.remove();
            } else {
                held.insert(left);
            }
        }
    }
}

/// The key is a hash already.
fn hash(key: u128) -> u64 {
    u64::try_from(key >> 64).unwrap_or_default()
}
