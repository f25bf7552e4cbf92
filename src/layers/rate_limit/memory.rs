//! Keeps the counts of a limit in the memory of this process.

use super::{
    clock::Clock,
    rule::Rule,
    store::{Capacity, Store},
    verdict::{Verdict, force, judge},
};
use crate::request::key::{Fingerprint, KeyPart, KeyWriter, Seed};

pub(super) struct Memory {
    seed: Seed,
    store: Store,
    clock: Clock,
}

/// The store keeps as many keys as it may, and refuses new ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Full;

impl Memory {
    /// Counts of so many quotas for each key.
    pub(super) fn new(capacity: Capacity, quotas: usize, clock: Clock) -> Self {
        Self {
            seed: Seed::random(),
            store: Store::new(capacity, quotas),
            clock,
        }
    }

    /// What stands for a key here.
    pub(super) fn fingerprint<P: KeyPart + ?Sized>(&self, key: &P) -> Fingerprint {
        self.seed.fingerprint(key)
    }

    /// The same, of what is written, if all of it could be.
    pub(super) fn fingerprint_with<E>(
        &self,
        write: impl FnOnce(&mut KeyWriter<'_>) -> Result<(), E>,
    ) -> Result<Fingerprint, E> {
        self.seed.fingerprint_with(write)
    }

    /// Takes units from every quota of the key, or from none.
    pub(super) fn take(
        &self,
        key: Fingerprint,
        rules: &[Rule],
        units: u32,
    ) -> Result<Verdict, Full> {
        let now = self.clock.now();
        let verdict = self
            .store
            .update(key, now, |times| judge(rules, times, now, units));
        verdict.ok_or(Full)
    }

    /// Changes how far each quota of the key is ahead, whatever is left.
    pub(super) fn force(
        &self,
        key: Fingerprint,
        rules: &[Rule],
        change: impl Fn(&Rule, u64) -> u64,
    ) -> Result<Verdict, Full> {
        let now = self.clock.now();
        let verdict = self
            .store
            .update(key, now, |times| force(rules, times, now, change));
        verdict.ok_or(Full)
    }

    /// What is left of a key.
    pub(super) fn peek(&self, key: Fingerprint) -> Verdict {
        let now = self.clock.now();
        let found = self
            .store
            .read(key, |times| Verdict::standing_at(times, now));
        found.unwrap_or_default()
    }

    /// Makes a key whole.
    pub(super) fn reset(&self, key: Fingerprint) {
        self.store.remove(key);
    }

    /// The number of keys that are kept.
    pub(super) fn len(&self) -> usize {
        self.store.len()
    }
}
