//! A part of the sessions: which it keeps, and which it drops.

use std::{
    collections::{BinaryHeap, HashMap},
    mem,
};

use super::super::{
    error::{Kind, SessionStoreError},
    record::{SessionId, SessionOwner, SessionRecord},
    time::{nanos, time},
};

/// What part of a full shard goes at once, if it can.
const AT_ONCE: usize = 64;

#[derive(Default)]
pub(super) struct Shard {
    sessions: HashMap<SessionId, Kept>,
    /// No session ends before this, so that a sweep before would be in vain.
    earliest: u64,
}

/// What is kept of a session. The bytes are a copy of exactly their length: those of the record
/// may be a part of something larger.
pub(super) struct Kept {
    /// Nanoseconds since 1970.
    expires: u64,
    data: Box<[u8]>,
    owner: Option<Box<SessionOwner>>,
    /// Whether somebody has come back with it since it was made.
    used: bool,
}

impl Kept {
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

    /// Keeps a new session, if there are fewer than `most` or one can go.
    pub(super) fn insert(
        &mut self,
        id: SessionId,
        kept: Kept,
        now: u64,
        most: usize,
    ) -> Result<(), SessionStoreError> {
        if self.live(&id, now).is_some() {
            return Err(Kind::Taken.into());
        }
        // What it would grow for may be over.
        if self.len() >= most || self.len() == self.sessions.capacity() {
            self.sweep(now);
        }
        if self.len() >= most && !self.make_room((most / AT_ONCE).max(1)) {
            return Err(Kind::Full.into());
        }
        self.earliest = self.earliest.min(kept.expires);
        self.sessions.insert(id, kept);
        Ok(())
    }

    /// Changes the data; what they were is left in `data`.
    pub(super) fn update(&mut self, id: &SessionId, data: &mut Box<[u8]>, now: u64) -> bool {
        let Some(kept) = self.live(id, now) else {
            return false;
        };
        mem::swap(&mut kept.data, data);
        kept.used = true;
        true
    }

    /// Changes when it ends.
    pub(super) fn touch(&mut self, id: &SessionId, expires: u64, now: u64) -> bool {
        let Some(kept) = self.live(id, now) else {
            return false;
        };
        kept.expires = expires;
        kept.used = true;
        self.earliest = self.earliest.min(expires);
        true
    }

    pub(super) fn remove(&mut self, id: &SessionId) -> Option<Kept> {
        self.sessions.remove(id)
    }

    /// Drops the sessions of an owner, and says how many there were that had not ended.
    pub(super) fn remove_owned(&mut self, owner: &SessionOwner, now: u64) -> u64 {
        let mut ended = 0_u64;
        self.sessions.retain(|_, kept| {
            let owned = kept.owner.as_deref() == Some(owner);
            ended = ended.saturating_add(u64::from(owned && kept.is_live(now)));
            !owned
        });
        ended
    }

    /// Drops the sessions that are over and gives memory back.
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

    /// The session of this id, if it is not over.
    fn live(&mut self, id: &SessionId, now: u64) -> Option<&mut Kept> {
        let kept = self.sessions.get_mut(id)?;
        kept.is_live(now).then_some(kept)
    }

    /// Drops sessions that nobody has come back with: of these, those that end first. Whether there
    /// was one.
    ///
    /// Several at a time, so that not every new session has to go through all of them.
    fn make_room(&mut self, at_once: usize) -> bool {
        // The one that ends last is on top.
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
