//! Keeps entries within bounds, and chooses which ones go: one part of a cache.

use std::{collections::HashMap, hash::BuildHasherDefault, sync::Arc, time::Duration};

use super::{bounds::Bounds, entry::Entry};
use crate::support::identity_hasher::AsItIs;

/// How many entries an insertion looks at, to drop those whose time is over.
const SWEPT: usize = 4;

/// How many entries that were used lately may stay before one has to go in spite of it.
const SPARED: usize = 8;

/// Entries by the hash of their token. Nothing here runs code of the caller, not even `drop`: what
/// goes is handed out.
pub(super) struct Table<C> {
    slots: Vec<Option<Slot<C>>>,
    /// The slots that hold nothing.
    free: Vec<usize>,
    index: HashMap<u64, usize, BuildHasherDefault<AsItIs>>,
    bytes: usize,
    /// The slot that is looked at next to evict one, and to drop what is over.
    hand: usize,
    broom: usize,
}

struct Slot<C> {
    /// Whether it was found since the hand came by.
    used: bool,
    entry: Arc<Entry<C>>,
}

impl<C> Table<C> {
    pub(super) fn find(&mut self, key: u64) -> Option<Arc<Entry<C>>> {
        let slot = self.slots.get_mut(*self.index.get(&key)?)?.as_mut()?;
        slot.used = true;
        Some(Arc::clone(&slot.entry))
    }

    /// Takes an entry in and hands out those that go for it. One that is too large goes itself.
    pub(super) fn insert(
        &mut self,
        entry: Arc<Entry<C>>,
        bounds: Bounds,
        now: Duration,
    ) -> Vec<Arc<Entry<C>>> {
        let size = entry.size();
        let mut gone = Vec::from_iter(self.remove(entry.key));
        if size > bounds.bytes || bounds.tokens == 0 {
            gone.push(entry);
            return gone;
        }
        self.sweep(now, &mut gone);
        while self.len() >= bounds.tokens || self.bytes > bounds.bytes.saturating_sub(size) {
            let Some(evicted) = self.evict() else { break };
            gone.push(evicted);
        }
        self.put(entry, size);
        gone
    }

    /// Removes this very entry, unless another one has its place by now.
    pub(super) fn remove_same(&mut self, entry: &Arc<Entry<C>>) -> Option<Arc<Entry<C>>> {
        let at = *self.index.get(&entry.key)?;
        let is_there = Arc::ptr_eq(self.at(at)?, entry);
        is_there.then(|| self.take(at))?
    }

    /// Removes the entries of a token, whatever settings verified it.
    pub(super) fn remove_token(&mut self, token: &[u8]) -> Vec<Arc<Entry<C>>> {
        let mut gone = Vec::new();
        for at in 0..self.slots.len() {
            if self.at(at).is_some_and(|entry| entry.is(token)) {
                gone.extend(self.take(at));
            }
        }
        gone
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<Entry<C>>> {
        let slots = self.slots.iter().flatten();
        slots.map(|slot| &slot.entry)
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    fn remove(&mut self, key: u64) -> Option<Arc<Entry<C>>> {
        self.index.get(&key).copied().and_then(|at| self.take(at))
    }

    fn at(&self, at: usize) -> Option<&Arc<Entry<C>>> {
        Some(&self.slots.get(at)?.as_ref()?.entry)
    }

    fn put(&mut self, entry: Arc<Entry<C>>, size: usize) {
        let key = entry.key;
        let slot = Some(Slot { used: false, entry });
        let at = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(at) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        self.index.insert(key, at);
        self.bytes = self.bytes.saturating_add(size);
    }

    fn take(&mut self, at: usize) -> Option<Arc<Entry<C>>> {
        let Slot { entry, .. } = self.slots.get_mut(at)?.take()?;
        self.index.remove(&entry.key);
        self.free.push(at);
        self.bytes = self.bytes.saturating_sub(entry.size());
        Some(entry)
    }

    /// Drops what is over among the next few.
    fn sweep(&mut self, now: Duration, gone: &mut Vec<Arc<Entry<C>>>) {
        for _ in 0..SWEPT.min(self.slots.len()) {
            let at = step(&mut self.broom, self.slots.len());
            if self
                .at(at)
                .is_some_and(|it| it.verified.window.is_over(now))
            {
                gone.extend(self.take(at));
            }
        }
    }

    /// Removes an entry that was not used since it was looked at last; after a few that were, the
    /// next one, whatever it is.
    fn evict(&mut self) -> Option<Arc<Entry<C>>> {
        let mut spared = 0_usize;
        // Free slots are passed over: there are as many as were emptied since the last insertions.
        for _ in 0..=self.slots.len().saturating_mul(2) {
            let at = step(&mut self.hand, self.slots.len());
            let Some(Some(slot)) = self.slots.get_mut(at) else {
                continue;
            };
            if !slot.used || spared >= SPARED {
                return self.take(at);
            }
            slot.used = false;
            spared = spared.saturating_add(1);
        }
        None
    }
}

/// Where a hand stands, which then goes on to the next of so many slots.
const fn step(hand: &mut usize, slots: usize) -> usize {
    let at = if *hand < slots { *hand } else { 0 };
    *hand = at.saturating_add(1);
    at
}

impl<C> Default for Table<C> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            index: HashMap::default(),
            bytes: 0,
            hand: 0,
            broom: 0,
        }
    }
}
