//! Keeps a gate for each key that has a request in progress or waiting, and for no other.

use std::{
    collections::{HashMap, hash_map},
    fmt,
    hash::BuildHasherDefault,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::gate::{Gate, Visit};
use crate::{request::key::Fingerprint, support::identity_hasher::AsItIs};

/// More shards mean less waiting for each other.
const SHARDS: usize = 64;

/// The gates that a shard keeps for the next key, so that a key with one request at a time does
/// not allocate one for each of them.
const MOST_SPARE: usize = 8;

/// Tables of fewer entries are not made smaller.
const SMALL: usize = 64;

/// The gates of all keys, in shards, each behind a lock that is held for one look-up.
pub(super) struct Table {
    most: usize,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    gates: HashMap<Fingerprint, Kept, BuildHasherDefault<AsItIs>>,
    spare: Vec<Arc<Gate>>,
}

struct Kept {
    gate: Arc<Gate>,
    visits: usize,
}

/// One visit, counted in the table. When the last of a key is dropped, its gate goes.
pub(super) struct Entry {
    table: Arc<Table>,
    key: Fingerprint,
}

impl Table {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Comes to the gate of a key, which is built if there is none.
    pub(super) fn visit(self: &Arc<Self>, key: Fingerprint) -> Visit {
        let gate = self.shard(key).visit(key, self.most);
        let table = Arc::clone(self);
        Visit::new(gate, Some(Entry { table, key }))
    }

    /// The number of keys.
    pub(super) fn len(&self) -> usize {
        self.shards().map(|shard| shard.gates.len()).sum()
    }

    /// The sum over all gates.
    pub(super) fn sum(&self, of: impl Fn(&Gate) -> usize) -> usize {
        self.shards()
            .map(|shard| {
                shard
                    .gates
                    .values()
                    .map(|kept| of(&kept.gate))
                    .sum::<usize>()
            })
            .sum()
    }

    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock)
    }

    fn shard(&self, key: Fingerprint) -> MutexGuard<'_, Shard> {
        let n = usize::try_from(key.low >> 40).unwrap_or_default();
        lock(&self.shards[n % SHARDS])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn visit(&mut self, key: Fingerprint, most: usize) -> Arc<Gate> {
        let Self { gates, spare } = self;
        let kept = gates.entry(key).or_insert_with(|| Kept {
            gate: spare.pop().unwrap_or_else(|| Arc::new(Gate::new(most))),
            visits: 0,
        });
        // Each visit is in memory: there are fewer than `usize::MAX`.
        kept.visits = kept.visits.saturating_add(1);
        Arc::clone(&kept.gate)
    }

    fn leave(&mut self, key: Fingerprint) {
        let Self { gates, spare } = self;
        let hash_map::Entry::Occupied(mut kept) = gates.entry(key) else {
            return;
        };
        let visits = &mut kept.get_mut().visits;
        *visits = visits.saturating_sub(1);
        if *visits > 0 {
            return;
        }
        let kept = kept.remove();
        if spare.len() < MOST_SPARE {
            // All of its permits are back, and nobody waits: it is as good as new.
            spare.push(kept.gate);
        }
        let (length, room) = (gates.len(), gates.capacity());
        if room > SMALL && length < room / 8 {
            gates.shrink_to(length.saturating_mul(2));
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.table.shard(self.key).leave(self.key);
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entry(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{MOST_SPARE, SHARDS, SMALL, Table, lock};
    use crate::request::key::Seed;

    #[test]
    fn memory_is_given_back_when_keys_go() {
        let (table, seed) = (Arc::new(Table::new(1)), Seed::random());
        let room = |table: &Table| -> usize {
            let shards = table.shards.iter().map(lock);
            shards.map(|shard| shard.gates.capacity()).sum()
        };
        let visits: Vec<_> = (0..100_000_u32)
            .map(|key| table.visit(seed.fingerprint(&key)))
            .collect();
        assert_eq!(table.len(), 100_000);
        assert!(room(&table) >= 100_000);
        drop(visits);
        assert_eq!(table.len(), 0);
        assert!(room(&table) <= 2 * SHARDS * SMALL, "{}", room(&table));
        for shard in &table.shards {
            assert_eq!(lock(shard).spare.len(), MOST_SPARE);
        }
    }
}
