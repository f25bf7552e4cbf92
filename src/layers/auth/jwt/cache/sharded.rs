//! A cache for many threads: shards, each behind a lock.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use siphasher::sip::SipHasher13;

use super::shard::{Bounds, CachedToken, Shard, Verified, VerifiedWith};
use crate::support::seed::random_bits;

/// A token is hashed by its last bytes, with a seed: they are part of its signature, which is as
/// good as random. A collision costs a verification and no more, because whole tokens are compared.
const HASHED: usize = 32;

pub(in crate::layers::auth::jwt) struct ShardedCache<C> {
    /// Seeded, so that nobody can find tokens that collide.
    hasher: SipHasher13,
    shards: Box<[LockedShard<C>]>,
    bounds: Bounds,
    bounds_per_shard: Bounds,
    /// Increases whenever tokens are removed on request: a token whose verification began before is
    /// not inserted.
    epoch: AtomicU64,
}

/// The lock is held for one lookup or one insertion; the caller's code (`Clone`, `Drop`, a predicate)
/// never runs meanwhile.
struct LockedShard<C> {
    shard: Mutex<Shard<C>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Where a token that was not found is inserted after its verification.
#[derive(Clone, Copy)]
pub(in crate::layers::auth::jwt) struct Vacancy {
    hash: u64,
    epoch: u64,
}

impl<C> ShardedCache<C> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            hasher: SipHasher13::new_with_keys(random_bits(), random_bits()),
            shards: (0..bounds.shards())
                .map(|_| LockedShard::default())
                .collect(),
            bounds,
            bounds_per_shard: bounds.per_shard(),
            epoch: AtomicU64::new(0),
        }
    }

    pub(super) const fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The entry of a token that these settings verified, if it is still valid; otherwise where to
    /// insert it.
    pub(in crate::layers::auth::jwt) fn find(
        &self,
        token: &[u8],
        revision: u64,
        now: Duration,
        still_holds: impl FnOnce(&VerifiedWith) -> bool,
    ) -> Result<Arc<CachedToken<C>>, Vacancy> {
        let hash = self.hash(token);
        let epoch = self.epoch.load(Ordering::Acquire);
        let shard = self.shard(hash);
        let found = shard
            .map(LockedShard::lock)
            .and_then(|mut shard| shard.find(key(hash, revision)));
        let found = found.filter(|entry| {
            let Verified { period, with, .. } = entry.verified();
            let is_same = with.revision == revision && entry.is(token);
            let is_valid = is_same && period.contains(now) && still_holds(with);
            if is_same && !is_valid {
                drop(shard.map(|shard| shard.lock().remove(entry)));
            }
            is_valid
        });
        if let Some(LockedShard { hits, misses, .. }) = shard {
            let counter = if found.is_some() { hits } else { misses };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        found.ok_or(Vacancy { hash, epoch })
    }

    /// Inserts a verified token, unless tokens were removed on request meanwhile.
    pub(in crate::layers::auth::jwt) fn insert(
        &self,
        vacancy: Vacancy,
        token: &[u8],
        verified: Verified<C>,
        now: Duration,
    ) {
        let Some(shard) = self.shard(vacancy.hash) else {
            return;
        };
        let key = key(vacancy.hash, verified.with.revision);
        let entry = Arc::new(CachedToken::new(key, token, verified));
        let mut shard = shard.lock();
        // With the lock held: a removal first increases the epoch, and then takes the lock.
        if self.epoch.load(Ordering::Acquire) == vacancy.epoch {
            let removed = shard.insert(entry, self.bounds_per_shard, now);
            drop(shard);
            drop(removed);
        }
    }

    /// Removes a token; returns whether it was cached.
    pub(super) fn forget(&self, token: &[u8]) -> bool {
        self.next_epoch();
        let shard = self.shard(self.hash(token));
        let removed = shard.map(|shard| shard.lock().remove_token(token));
        removed.is_some_and(|removed| !removed.is_empty())
    }

    /// Removes the tokens whose claims satisfy the predicate; returns how many.
    pub(super) fn forget_where(&self, mut predicate: impl FnMut(&C) -> bool) -> usize {
        self.next_epoch();
        let mut count = 0_usize;
        for shard in &self.shards {
            let entries: Vec<_> = shard.lock().entries().cloned().collect();
            for entry in entries.iter().filter(|entry| predicate(entry.claims())) {
                let removed = shard.lock().remove(entry);
                count = count.saturating_add(removed.iter().len());
            }
        }
        count
    }

    pub(super) fn clear(&self) {
        self.next_epoch();
        for shard in &self.shards {
            // The lock is released before the entries are dropped.
            let removed = mem::take(&mut *shard.lock());
            drop(removed);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().bytes()).sum()
    }

    pub(super) fn hits(&self) -> u64 {
        let hits = self.shards.iter().map(|shard| &shard.hits);
        hits.map(|hits| hits.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn misses(&self) -> u64 {
        let misses = self.shards.iter().map(|shard| &shard.misses);
        misses.map(|misses| misses.load(Ordering::Relaxed)).sum()
    }

    fn next_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    fn hash(&self, token: &[u8]) -> u64 {
        let end = token.last_chunk::<HASHED>();
        self.hasher
            .hash(end.map_or(token, <[u8; HASHED]>::as_slice))
    }

    /// The shard of a hash; there is always one.
    fn shard(&self, hash: u64) -> Option<&LockedShard<C>> {
        // The shard's index uses the other bits.
        let shards = u64::try_from(self.shards.len()).unwrap_or(1);
        let at = (hash >> 32).checked_rem(shards)?;
        self.shards.get(usize::try_from(at).ok()?)
    }
}

/// The key of a token that these settings verified: a token may be cached for several.
const fn key(hash: u64, revision: u64) -> u64 {
    // An odd number, from the golden ratio: revisions differ in all bits.
    hash ^ revision.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl<C> LockedShard<C> {
    /// A poisoned lock is harmless: the caller's code never runs with the lock held.
    fn lock(&self) -> MutexGuard<'_, Shard<C>> {
        self.shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Default for LockedShard<C> {
    fn default() -> Self {
        Self {
            shard: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::Arc,
        time::Duration,
    };

    use super::{Bounds, ShardedCache, Verified, VerifiedWith};
    use crate::layers::auth::jwt::claims::ValidityPeriod;

    const NOW: Duration = Duration::from_secs(1_000);
    const TOKEN: &[u8] = b"a token";

    fn verified(revision: u64, generation: u64) -> Verified<&'static str> {
        let with = VerifiedWith {
            revision,
            issuer: 0,
            generation: Some(generation),
        };
        let period = ValidityPeriod::default().until(2_000.0);
        Verified {
            claims: "ann",
            period,
            with,
        }
    }

    fn cache() -> ShardedCache<&'static str> {
        ShardedCache::new(Bounds::of_tokens(10).unwrap())
    }

    /// Whether the token is found while the keys are of this generation; it is inserted, if not.
    fn finds(cache: &ShardedCache<&'static str>, revision: u64, generation: u64) -> bool {
        let is_current = |with: &VerifiedWith| with.generation == Some(generation);
        let found = cache.find(TOKEN, revision, NOW, is_current);
        let Err(vacancy) = found else { return true };
        cache.insert(vacancy, TOKEN, verified(revision, generation), NOW);
        false
    }

    #[test]
    fn does_not_find_what_other_keys_verified() {
        let (cache, revision) = (cache(), 1);
        let generations = [
            (1, false),
            (1, true),
            (2, false),
            (2, true),
            (1, false),
            (1, true),
        ];
        for (n, (generation, expected)) in generations.into_iter().enumerate() {
            assert_eq!(finds(&cache, revision, generation), expected, "{n}");
            assert_eq!(cache.len(), 1);
        }
    }

    #[test]
    fn does_not_find_what_old_keys_verified_and_was_inserted_after_the_change() {
        let (cache, revision) = (cache(), 1);
        let Err(vacancy) = cache.find(TOKEN, revision, NOW, |_| true) else {
            panic!("there is none");
        };
        cache.insert(vacancy, TOKEN, verified(revision, 1), NOW);
        assert!(!finds(&cache, revision, 2));
        assert!(finds(&cache, revision, 2));
    }

    #[test]
    fn works_after_a_panic_with_the_lock_held() {
        let (cache, revision) = (cache(), 1);
        assert!(!finds(&cache, revision, 1));
        let poisoned = catch_unwind(AssertUnwindSafe(|| {
            let _shard = cache.shards[0].lock();
            panic!("while the lock is held");
        }));
        poisoned.unwrap_err();
        assert!(cache.shards[0].shard.is_poisoned());
        assert!(finds(&cache, revision, 1));
        cache.clear();
        assert!(!finds(&cache, revision, 1));
    }

    #[test]
    fn keeps_a_token_for_each_revision() {
        let (cache, first, second) = (cache(), 1, 2);
        assert!(!finds(&cache, first, 1));
        assert!(!finds(&cache, second, 1));
        assert!(finds(&cache, first, 1) && finds(&cache, second, 1));
        assert_eq!(cache.len(), 2);
        assert!(cache.forget(TOKEN));
        assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }

    #[test]
    fn does_not_remove_an_entry_that_was_replaced() {
        let (cache, revision) = (cache(), 1);
        assert!(!finds(&cache, revision, 1));
        let Ok(old) = cache.find(TOKEN, revision, NOW, |_| true) else {
            panic!("it is there");
        };
        assert!(!finds(&cache, revision, 2));
        assert!(cache.shards[0].lock().remove(&old).is_none());
        assert_eq!(Arc::strong_count(&old), 1);
        assert!(finds(&cache, revision, 2));
    }
}
