//! Finds and keeps entries for many threads: the whole of a cache.

use std::{
    hash::{BuildHasher, RandomState},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use siphasher::sip::SipHasher13;

use super::{
    bounds::Bounds,
    entry::{Entry, Revision, Verified},
    table::Table,
};

/// A token's hash is that of its end, with a seed: there is its signature, which is as good as
/// random. Tokens that meet cost a verification, no more: all of the token is compared.
const HASHED: usize = 32;

pub(super) struct Shared<C> {
    /// Seeded, so that nobody can tell which tokens meet.
    hasher: SipHasher13,
    shards: Box<[Shard<C>]>,
    bounds: Bounds,
    bounds_of_a_shard: Bounds,
    /// Goes on whenever something is forgotten: what began to be verified before is not kept.
    epoch: AtomicU64,
}

/// A part of the cache. Its lock is held for one look-up or one insertion; what the caller wrote
/// (`Clone`, `Drop`, a test of claims) never runs meanwhile.
struct Shard<C> {
    table: Mutex<Table<C>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Where a token that was not found goes once it is verified, if nothing is forgotten until then.
#[derive(Clone, Copy)]
pub(super) struct Place {
    hash: u64,
    epoch: u64,
}

impl<C> Shared<C> {
    pub(super) fn new(bounds: Bounds) -> Self {
        // The one source of randomness in std: each state has keys of its own.
        let number = |n: u8| RandomState::new().hash_one(n);
        Self {
            hasher: SipHasher13::new_with_keys(number(0), number(1)),
            shards: (0..bounds.shards()).map(|_| Shard::default()).collect(),
            bounds,
            bounds_of_a_shard: bounds.of_a_shard(),
            epoch: AtomicU64::new(0),
        }
    }

    pub(super) const fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The entry of a token that these settings verified, if that still holds; or else where it
    /// goes.
    pub(super) fn find(
        &self,
        token: &[u8],
        revision: Revision,
        now: Duration,
        holds: impl FnOnce(&Verified<C>) -> bool,
    ) -> Result<Arc<Entry<C>>, Place> {
        let hash = self.hash(token);
        let epoch = self.epoch.load(Ordering::Acquire);
        let shard = self.shard(hash);
        let found = shard
            .map(Shard::table)
            .and_then(|mut table| table.find(key(hash, revision)));
        let found = found.filter(|entry| {
            let Verified { window, proof, .. } = &entry.verified;
            let is_same = proof.revision == revision && entry.is(token);
            let may_hold = is_same && window.is_open(now) && holds(&entry.verified);
            if is_same && !may_hold {
                drop(shard.map(|shard| shard.table().remove_same(entry)));
            }
            may_hold
        });
        if let Some(Shard { hits, misses, .. }) = shard {
            let counter = if found.is_some() { hits } else { misses };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        found.ok_or(Place { hash, epoch })
    }

    /// Keeps what was verified, unless something was forgotten since.
    pub(super) fn keep(&self, place: Place, token: &[u8], verified: Verified<C>, now: Duration) {
        let Some(shard) = self.shard(place.hash) else {
            return;
        };
        let key = key(place.hash, verified.proof.revision);
        let entry = Arc::new(Entry::new(key, token, verified));
        let mut table = shard.table();
        // With the lock held: who forgets goes on to the next epoch first, and takes the lock after.
        if self.epoch.load(Ordering::Acquire) == place.epoch {
            let gone = table.insert(entry, self.bounds_of_a_shard, now);
            drop(table);
            drop(gone);
        }
    }

    /// Forgets a token; says whether it was there.
    pub(super) fn forget(&self, token: &[u8]) -> bool {
        self.next_epoch();
        let shard = self.shard(self.hash(token));
        let gone = shard.map(|shard| shard.table().remove_token(token));
        gone.is_some_and(|gone| !gone.is_empty())
    }

    /// Forgets the tokens whose claims are chosen; says how many.
    pub(super) fn forget_where(&self, mut chosen: impl FnMut(&C) -> bool) -> usize {
        self.next_epoch();
        let mut forgotten = 0_usize;
        for shard in &self.shards {
            let entries: Vec<_> = shard.table().entries().cloned().collect();
            for entry in entries
                .iter()
                .filter(|entry| chosen(&entry.verified.claims))
            {
                let gone = shard.table().remove_same(entry);
                forgotten = forgotten.saturating_add(gone.iter().len());
            }
        }
        forgotten
    }

    pub(super) fn clear(&self) {
        self.next_epoch();
        for shard in &self.shards {
            // The lock is given back before the entries are dropped.
            let table = mem::take(&mut *shard.table());
            drop(table);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.table().len()).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.table().bytes()).sum()
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

    /// The shard of a hash. There is always one.
    fn shard(&self, hash: u64) -> Option<&Shard<C>> {
        // The table goes by the other bits.
        let shards = u64::try_from(self.shards.len()).unwrap_or(1);
        let at = (hash >> 32).checked_rem(shards)?;
        self.shards.get(usize::try_from(at).ok()?)
    }
}

/// What a token is found by that was verified under these settings: a token may be there for
/// several.
const fn key(hash: u64, revision: Revision) -> u64 {
    // An odd number, the golden ratio's: different revisions stay apart in all bits.
    hash ^ revision.number().wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl<C> Shard<C> {
    /// No code of the caller runs with the lock held, so nothing is ever left half done.
    fn table(&self) -> MutexGuard<'_, Table<C>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Default for Shard<C> {
    fn default() -> Self {
        Self {
            table: Mutex::default(),
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

    use super::{super::Proof, Bounds, Revision, Shared, Verified};
    use crate::layers::auth::jwt::cache::Window;

    const NOW: Duration = Duration::from_secs(1_000);
    const TOKEN: &[u8] = b"a token";

    fn verified(revision: Revision, generation: u64) -> Verified<&'static str> {
        let proof = Proof {
            revision,
            issuer: 0,
            generation: Some(generation),
        };
        let window = Window::default().until(2_000.0);
        Verified {
            claims: "ann",
            window,
            proof,
        }
    }

    fn cache() -> Shared<&'static str> {
        Shared::new(Bounds::tokens(10).unwrap())
    }

    /// Whether the token is found while the keys are of this generation; it is kept, if not.
    fn finds(cache: &Shared<&'static str>, revision: Revision, generation: u64) -> bool {
        let is_now = |it: &Verified<&'static str>| it.proof.generation == Some(generation);
        let found = cache.find(TOKEN, revision, NOW, is_now);
        let Err(place) = found else { return true };
        cache.keep(place, TOKEN, verified(revision, generation), NOW);
        false
    }

    #[test]
    fn nothing_from_before_a_change_of_keys_is_found() {
        let (cache, revision) = (cache(), Revision::next());
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
    fn what_was_verified_with_old_keys_and_kept_after_the_change_is_not_found() {
        let (cache, revision) = (cache(), Revision::next());
        let Err(place) = cache.find(TOKEN, revision, NOW, |_| true) else {
            panic!("there is none");
        };
        cache.keep(place, TOKEN, verified(revision, 1), NOW);
        assert!(!finds(&cache, revision, 2));
        assert!(finds(&cache, revision, 2));
    }

    #[test]
    fn a_poisoned_lock_stops_nobody() {
        let (cache, revision) = (cache(), Revision::next());
        assert!(!finds(&cache, revision, 1));
        let poisoned = catch_unwind(AssertUnwindSafe(|| {
            let _table = cache.shards[0].table();
            panic!("while the lock is held");
        }));
        poisoned.unwrap_err();
        assert!(cache.shards[0].table.is_poisoned());
        assert!(finds(&cache, revision, 1));
        cache.clear();
        assert!(!finds(&cache, revision, 1));
    }

    #[test]
    fn no_two_revisions_share_a_key() {
        let (cache, first, second) = (cache(), Revision::next(), Revision::next());
        assert!(!finds(&cache, first, 1));
        assert!(!finds(&cache, second, 1));
        assert!(finds(&cache, first, 1) && finds(&cache, second, 1));
        assert_eq!(cache.len(), 2);
        assert!(cache.forget(TOKEN));
        assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }

    #[test]
    fn an_entry_that_was_replaced_meanwhile_is_not_removed() {
        let (cache, revision) = (cache(), Revision::next());
        assert!(!finds(&cache, revision, 1));
        let Ok(old) = cache.find(TOKEN, revision, NOW, |_| true) else {
            panic!("it is there");
        };
        assert!(!finds(&cache, revision, 2));
        assert!(cache.shards[0].table().remove_same(&old).is_none());
        assert_eq!(Arc::strong_count(&old), 1);
        assert!(finds(&cache, revision, 2));
    }
}
