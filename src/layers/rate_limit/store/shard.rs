//! A part of the store: which keys it keeps, and which it drops.

use super::{
    capacity::Overflow,
    table::{Table, WIDEST},
};
use crate::request::key::Fingerprint;

/// How many keys compete when one has to go.
const CANDIDATES: usize = 32;

/// How many keys a shard may have, and what happens then.
pub(super) struct Bounds {
    pub(super) keys: usize,
    pub(super) overflow: Overflow,
}

pub(super) struct Shard {
    table: Table,
    /// No key is idle before this, so that a sweep before would be in vain.
    earliest: u64,
}

impl Shard {
    pub(super) const fn new(width: usize) -> Self {
        Self {
            table: Table::new(width),
            earliest: u64::MAX,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.table.len()
    }

    #[cfg(test)]
    pub(super) const fn bytes(&self) -> usize {
        self.table.bytes()
    }

    pub(super) fn read<T>(&self, key: Fingerprint, read: impl FnOnce(&[u64]) -> T) -> Option<T> {
        self.table.times(key).map(read)
    }

    pub(super) fn remove(&mut self, key: Fingerprint) -> bool {
        self.table.remove(key)
    }

    /// See [`Store::update`](super::Store::update).
    pub(super) fn update<T>(
        &mut self,
        key: Fingerprint,
        now: u64,
        bounds: &Bounds,
        change: impl FnOnce(&mut [u64]) -> T,
    ) -> Option<T> {
        if let Some(times) = self.table.times_mut(key) {
            let outcome = change(times);
            self.earliest = self.earliest.min(idle_at(times));
            return Some(outcome);
        }
        let mut times = [0; WIDEST];
        let times = times.get_mut(..self.table.width())?;
        let outcome = change(times);
        let idle_at = idle_at(times);
        if idle_at > now {
            if !self.make_room(key, now, bounds) {
                return None;
            }
            self.table.insert(key, times);
            self.earliest = self.earliest.min(idle_at);
        }
        Some(outcome)
    }

    /// Drops the keys that are idle and gives memory back; whether it dropped any.
    pub(super) fn sweep(&mut self, now: u64) -> bool {
        if now < self.earliest && !self.table.is_loose() {
            return false;
        }
        let mut live = 0_usize;
        self.earliest = u64::MAX;
        for idle_at in self.table.all().map(idle_at).filter(|at| *at > now) {
            live = live.saturating_add(1);
            self.earliest = self.earliest.min(idle_at);
        }
        let dropped = live < self.table.len();
        if dropped || self.table.is_loose() {
            self.table.rebuild(live, |times| idle_at(times) > now);
        }
        dropped
    }

    /// Makes room for a key; `false` if it can't.
    fn make_room(&mut self, key: Fingerprint, now: u64, bounds: &Bounds) -> bool {
        if self.table.len() >= bounds.keys {
            if bounds.overflow == Overflow::Refuse && now < self.earliest {
                return false;
            }
            let candidates = self.table.from(key).take(CANDIDATES);
            let candidates = candidates.map(|(key, times)| (idle_at(times), key));
            let Some((idle_at, soonest)) = candidates.min() else {
                return false;
            };
            // Most often one of the candidates is idle, if any is.
            if idle_at <= now {
                self.table.remove(soonest);
            } else if !self.sweep(now) {
                match bounds.overflow {
                    Overflow::Refuse => return false,
                    Overflow::Evict => self.table.remove(soonest),
                };
            }
        }
        if self.table.is_tight() {
            self.sweep(now);
        }
        if self.table.is_tight() {
            let keys = self.table.len().saturating_add(1);
            self.table.rebuild(keys, |_| true);
        }
        true
    }
}

/// When all quotas of a key are whole: from then on it is like one that was never seen.
fn idle_at(times: &[u64]) -> u64 {
    times.iter().copied().max().unwrap_or_default()
}
