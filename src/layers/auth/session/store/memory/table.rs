//! The sessions in shards, each behind a lock of its own that is held for one search only.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::{
    super::record::{SessionId, SessionOwner},
    shard::Shard,
};
use crate::support::sweep::Sweep;

/// What clones share.
pub(super) struct Table {
    /// A power of two.
    pub(super) shards: Box<[Line]>,
    pub(super) sessions_per_shard: usize,
    sweep: Sweep,
    /// The owners whose sessions end right now.
    ending: Mutex<Vec<SessionOwner>>,
}

/// As long as it lives, the owner gets no new session: one that is made in a shard that has been
/// gone through, in place of one in a shard that has not, would be left.
pub(super) struct Ending<'a> {
    table: &'a Table,
    owner: SessionOwner,
}

/// In a cache line of its own, so that threads at two shards do not wait for each other.
#[repr(align(64))]
#[derive(Default)]
pub(super) struct Line(Mutex<Shard>);

/// So many sessions share a lock: few enough to go through all of them without a pause.
const SESSIONS_PER_SHARD: usize = 1_024;

const MOST_SHARDS: usize = 1 << 16;

impl Table {
    pub(super) fn new(sessions: usize) -> Self {
        let shards = match sessions / SESSIONS_PER_SHARD {
            0 => 1,
            MOST_SHARDS.. => MOST_SHARDS,
            shards => 1 << shards.ilog2(),
        };
        Self {
            shards: (0..shards).map(|_| Line::default()).collect(),
            sessions_per_shard: sessions / shards,
            sweep: Sweep::new(shards),
            ending: Mutex::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|line| line.lock().len()).sum()
    }

    /// Does something to the shard of a session; `None` does not happen.
    pub(super) fn at<T>(
        &self,
        id: &SessionId,
        now: u64,
        change: impl FnOnce(&mut Shard) -> T,
    ) -> Option<T> {
        let outcome = self.shards.get(self.place(id)).map(|line| {
            let mut shard = line.lock();
            change(&mut shard)
        });
        self.sweep_in_turn(now);
        outcome
    }

    /// Keeps new sessions from an owner.
    pub(super) fn end(&self, owner: SessionOwner) -> Ending<'_> {
        self.ending().push(owner);
        Ending { table: self, owner }
    }

    /// Whether an owner gets no new session. What is asked under the lock of a shard holds for as
    /// long as this is not gone through.
    pub(super) fn is_ending(&self, owner: &SessionOwner) -> bool {
        self.ending().contains(owner)
    }

    fn ending(&self) -> MutexGuard<'_, Vec<SessionOwner>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ids are hashes, but may be anything in a scheme of somebody else's.
    fn place(&self, id: &SessionId) -> usize {
        let (words, _) = id.as_bytes().as_chunks::<8>();
        let mixed = words.iter().fold(0_u64, |mixed, word| {
            (mixed ^ u64::from_le_bytes(*word))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(32)
        });
        let mixed = usize::try_from(mixed & 0xffff).unwrap_or_default();
        mixed & self.shards.len().wrapping_sub(1)
    }

    /// Sweeps the shard whose turn it is, unless somebody is there: they will not mind the rest.
    fn sweep_in_turn(&self, now: u64) {
        let due = self.sweep.due(now);
        let Some(Line(shard)) = due.and_then(|due| self.shards.get(due)) else {
            return;
        };
        match shard.try_lock() {
            Ok(mut shard) => shard.sweep(now),
            Err(TryLockError::Poisoned(shard)) => shard.into_inner().sweep(now),
            Err(TryLockError::WouldBlock) => {}
        }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut ending = self.table.ending();
        if let Some(at) = ending.iter().position(|owner| *owner == self.owner) {
            let _ = ending.swap_remove(at);
        }
    }
}

impl Line {
    /// Nothing that can panic is done under the lock.
    pub(super) fn lock(&self) -> MutexGuard<'_, Shard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
