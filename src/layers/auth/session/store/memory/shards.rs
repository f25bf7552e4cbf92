//! The sessions of a [`MemorySessions`](super::MemorySessions): which ones are kept, and which ones
//! are dropped.

use std::{
    collections::{BinaryHeap, HashMap},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::super::record::{
    SessionId, SessionOwner, SessionRecord, SessionStoreError, StoreFailure, nanos, time,
};
use crate::support::shards::{Shards, shards_for};

/// The sessions in shards, each behind a lock that is held for only one lookup.
pub(super) struct SessionShards {
    shards: Shards<Shard>,
    pub(super) sessions_per_shard: usize,
    /// The owners whose sessions are currently being ended.
    ending: Mutex<Vec<SessionOwner>>,
}

/// While this exists, the owner gets no new session: a session that is renewed into a shard that has
/// already been visited would survive.
pub(super) struct Ending<'a> {
    shards: &'a SessionShards,
    owner: SessionOwner,
}

impl SessionShards {
    pub(super) fn new(sessions: usize) -> Self {
        let shards = shards_for(sessions);
        Self {
            shards: Shards::new(shards, Shard::default),
            sessions_per_shard: sessions / shards,
            ending: Mutex::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.each().map(|shard| shard.len()).sum()
    }

    /// Gives access to the shard of a session.
    pub(super) fn at<T>(
        &self,
        id: &SessionId,
        now: u64,
        change: impl FnOnce(&mut Shard) -> T,
    ) -> T {
        let outcome = change(&mut self.shards.lock(hash(id)));
        self.shards.sweep(now, |shard| shard.sweep(now));
        outcome
    }

    /// Ends the sessions of an owner, shard by shard, and yields how many were ended in each.
    pub(super) fn remove_owned(&self, owner: SessionOwner, now: u64) -> impl Iterator<Item = u64> {
        self.shards
            .each()
            .map(move |mut shard| shard.remove_owned(&owner, now))
    }

    /// Prevents new sessions of an owner.
    pub(super) fn end(&self, owner: SessionOwner) -> Ending<'_> {
        self.ending().push(owner);
        Ending {
            shards: self,
            owner,
        }
    }

    /// Whether an owner may get no new session. While the lock of a shard is held, the answer stays
    /// valid, because the shard cannot be visited in the meantime.
    pub(super) fn is_ending(&self, owner: &SessionOwner) -> bool {
        self.ending().contains(owner)
    }

    fn ending(&self) -> MutexGuard<'_, Vec<SessionOwner>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ids are hashes, but other schemes may use any bytes.
fn hash(id: &SessionId) -> u64 {
    let (words, _) = id.as_bytes().as_chunks::<8>();
    words.iter().fold(0_u64, |mixed, word| {
        (mixed ^ u64::from_le_bytes(*word))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(32)
    })
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut ending = self.shards.ending();
        if let Some(at) = ending.iter().position(|owner| *owner == self.owner) {
            let _ = ending.swap_remove(at);
        }
    }
}

/// Up to this fraction of a full shard is dropped at once.
const EVICTED_FRACTION: usize = 64;

#[derive(Default)]
pub(super) struct Shard {
    sessions: HashMap<SessionId, StoredSession>,
    /// No session expires before this time, so an earlier sweep would find nothing.
    earliest: u64,
}

/// A session in memory. The data is copied to its exact length: that of the record may be part of a
/// larger buffer.
pub(super) struct StoredSession {
    /// Nanoseconds since 1970.
    expires: u64,
    data: Box<[u8]>,
    owner: Option<Box<SessionOwner>>,
    /// Whether the session has been used since it was inserted.
    used: bool,
}

impl StoredSession {
    pub(super) fn new(record: &SessionRecord) -> Self {
        Self {
            expires: nanos(record.expires),
            data: record.data.as_ref().into(),
            owner: record.owner.map(Box::new),
            used: false,
        }
    }

    pub(super) const fn is_live(&self, now: u64) -> bool {
        self.expires > now
    }

    fn record(&self) -> SessionRecord {
        let data = self.data.to_vec().into();
        let record = SessionRecord::new(data, time(self.expires));
        match &self.owner {
            Some(owner) => record.owned_by(**owner),
            None => record,
        }
    }
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn load(&mut self, id: &SessionId, now: u64) -> Option<SessionRecord> {
        let kept = self.live(id, now)?;
        kept.used = true;
        Some(kept.record())
    }

    /// Inserts a session, if there are fewer than `max` or another one can be dropped.
    pub(super) fn insert(
        &mut self,
        id: SessionId,
        kept: StoredSession,
        now: u64,
        max: usize,
    ) -> Result<(), SessionStoreError> {
        if self.live(&id, now).is_some() {
            return Err(StoreFailure::Taken.into());
        }
        // Expired sessions make room before the map grows.
        if self.len() >= max || self.len() == self.sessions.capacity() {
            self.sweep(now);
        }
        if self.len() >= max && !self.make_room((max / EVICTED_FRACTION).max(1)) {
            return Err(StoreFailure::Full.into());
        }
        self.earliest = self.earliest.min(kept.expires);
        self.sessions.insert(id, kept);
        Ok(())
    }

    /// Changes the data if it still equals `from`, and leaves the old data in `data`, to be dropped
    /// without holding the lock.
    pub(super) fn update(
        &mut self,
        id: &SessionId,
        from: &[u8],
        data: &mut Box<[u8]>,
        now: u64,
    ) -> bool {
        let Some(kept) = self.live(id, now).filter(|kept| *kept.data == *from) else {
            return false;
        };
        mem::swap(&mut kept.data, data);
        kept.used = true;
        true
    }

    /// Changes when the session expires.
    pub(super) fn touch(&mut self, id: &SessionId, expires: u64, now: u64) -> bool {
        let Some(kept) = self.live(id, now) else {
            return false;
        };
        kept.expires = expires;
        kept.used = true;
        self.earliest = self.earliest.min(expires);
        true
    }

    pub(super) fn remove(&mut self, id: &SessionId) -> Option<StoredSession> {
        self.sessions.remove(id)
    }

    /// Drops the sessions of an owner, and returns how many had not expired.
    pub(super) fn remove_owned(&mut self, owner: &SessionOwner, now: u64) -> u64 {
        let mut ended = 0_u64;
        self.sessions.retain(|_, kept| {
            let owned = kept.owner.as_deref() == Some(owner);
            ended = ended.saturating_add(u64::from(owned && kept.is_live(now)));
            !owned
        });
        ended
    }

    /// Drops the sessions that have expired, and frees memory.
    pub(super) fn sweep(&mut self, now: u64) {
        if now >= self.earliest {
            let mut earliest = u64::MAX;
            self.sessions.retain(|_, kept| {
                let live = kept.is_live(now);
                if live {
                    earliest = earliest.min(kept.expires);
                }
                live
            });
            self.earliest = earliest;
        }
        if self.len() < self.sessions.capacity() / 4 {
            self.sessions.shrink_to(self.len().saturating_mul(2));
        }
    }

    /// The session with this id, if it has not expired.
    fn live(&mut self, id: &SessionId, now: u64) -> Option<&mut StoredSession> {
        let kept = self.sessions.get_mut(id)?;
        kept.is_live(now).then_some(kept)
    }

    /// Drops unused sessions, first those that expire first, and says whether there were any.
    ///
    /// It drops several at a time, so that not every new session scans all others.
    fn make_room(&mut self, at_once: usize) -> bool {
        // The one that expires last is on top.
        let mut first = BinaryHeap::new();
        for (id, kept) in self.sessions.iter().filter(|(_, kept)| !kept.used) {
            if first.len() < at_once {
                first.push((kept.expires, *id));
            } else if let Some(mut last) = first.peek_mut()
                && kept.expires < last.0
            {
                *last = (kept.expires, *id);
            }
        }
        for (_, id) in &first {
            self.sessions.remove(id);
        }
        !first.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_sessions_that_expire_first_are_dropped_first() {
        let mut shard = Shard::default();
        for byte in 1..=64_u8 {
            let session = StoredSession {
                expires: u64::from(byte),
                data: Box::default(),
                owner: None,
                // The first ones have been used.
                used: byte <= 8,
            };
            shard
                .sessions
                .insert(SessionId::from_bytes([byte; 32]), session);
        }
        assert!(shard.make_room(8));
        let mut kept: Vec<u64> = shard.sessions.values().map(|kept| kept.expires).collect();
        kept.sort_unstable();
        assert_eq!(kept, (1..=8).chain(17..=64).collect::<Vec<_>>());
    }
}
