//! Caches verified tokens: [`TokenCache`].

mod shard;

use std::{
    fmt, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use siphasher::sip::SipHasher13;

use self::shard::{Bounds, CachedToken, Shard};
pub(super) use self::shard::{Verified, VerifiedWith};
use crate::{support::seed::random_bits, wire::ConfigError};

/// Tokens that a [`Jwt`](super::Jwt) has verified, with their claims. The next request with the same
/// token needs a lookup instead of a signature verification.
///
/// A `Jwt` has a cache unless it is [`without_cache`](super::Jwt::without_cache). A token is accepted
/// from the cache if all of these conditions hold:
///
/// 1. it is the only token of the request, as without a cache;
/// 2. all its bytes, header and signature included, are those of a verified token;
/// 3. it was verified with the same settings: after every change, a `Jwt` starts without cached
///    tokens;
/// 4. it was verified with the issuer's current keys: once a key is replaced or removed, no cached
///    token is accepted until it is verified again;
/// 5. `exp` is in the future, `nbf` has passed, and the token is not too old, by the current time and
///    with the leeway.
///
/// Otherwise it is verified as without a cache, with the same result; refused tokens are not cached.
/// The claims are not deserialized again but cloned: side effects of deserializing `C` happen once per
/// token, and state that clones share is shared between requests. Your own [checks](super::Jwt::check)
/// run for each request, on the clone.
///
/// A `TokenCache` is a handle: its clones and the `Jwt` share one cache.
///
/// # Example: revoking tokens
///
/// A signed token stays valid until it expires: after [`forget`](Self::forget), the next request
/// verifies it again. To revoke a token, refuse it in a check, which runs for every request, cached or
/// not. Forgetting the token frees its memory, and causes its claims to be deserialized again.
///
/// ```
/// use std::{collections::HashSet, sync::{Arc, RwLock}};
///
/// use serde::Deserialize;
/// use wythe::{Jwt, TokenCache};
/// # use http::Request;
/// # use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
/// # use wythe::{Later, auth::{Authenticate, Verdict}};
///
/// #[derive(Clone, Deserialize)]
/// struct Claims {
///     sub: String,
///     jti: String,
/// }
///
/// let secret = b"32 bytes from a random generator";
/// let revoked = Arc::new(RwLock::new(HashSet::new()));
/// let cache = TokenCache::of(50_000)?;
/// let list = Arc::clone(&revoked);
/// let jwt = Jwt::<Claims>::hs256(secret)?.cache(&cache).check(move |claims| {
///     match list.read().unwrap().contains(&claims.jti) {
///         true => Err("the token is revoked"),
///         false => Ok(()),
///     }
/// });
/// # let claims = serde_json::json!({
/// #     "sub": "ann", "jti": "17", "exp": get_current_timestamp() + 60,
/// # });
/// # let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(secret)).unwrap();
/// # let request = Request::get("/").header("authorization", format!("Bearer {token}"));
/// # let (head, ()) = request.body(()).unwrap().into_parts();
///
/// // Two requests with one token.
/// # assert!(matches!(jwt.authenticate(&head), Later::Ready(Verdict::Verified(_))));
/// # assert!(matches!(jwt.authenticate(&head), Later::Ready(Verdict::Verified(_))));
/// assert_eq!((cache.len(), cache.hits(), cache.misses()), (1, 1, 1));
///
/// // Ann logs out: from now on, her token is refused.
/// revoked.write().unwrap().insert("17".to_owned());
/// # assert!(matches!(jwt.authenticate(&head), Later::Ready(Verdict::Refused(_))));
/// cache.forget(&token);
/// assert!(cache.is_empty());
/// # assert!(matches!(jwt.authenticate(&head), Later::Ready(Verdict::Refused(_))));
///
/// // All tokens of a user, because her rights have changed for example.
/// assert_eq!(cache.forget_where(|claims| claims.sub == "ann"), 1);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Memory
///
/// The number of tokens and of bytes is limited. A token counts with its own length and that of its
/// entry (about 200 bytes, and the size of `C`). Memory that `C` allocates is not counted: for a
/// struct of strings it is less than the token, for a `serde_json::Value` several times as much. The
/// default is 10,000 tokens and 10 MB; memory is allocated as tokens arrive.
///
/// When a limit is reached, a new token evicts one that was not used recently. Expired tokens are
/// removed when they are presented again, or by insertions, each of which checks four others: there is
/// no background task, and without insertions nothing is removed. Tokens are distributed over shards
/// by their hash, so a shard may be full a little before the whole cache is. A request checks only a
/// few tokens of one shard, and holds its lock for only that long.
///
/// If nearly every request has a different token, a cache does not help: use
/// [`without_cache`](super::Jwt::without_cache).
///
/// # Security
///
/// - Tokens stay in memory until they are evicted, found expired or forgotten; their memory is then
///   wiped, as far as the allocator allows. The claims are dropped without wiping.
/// - Only valid tokens are cached. A client with many valid tokens can evict those of others, which
///   are then verified again; memory stays within the limits.
/// - A request that has found its token before the token is forgotten goes on. A token that is being
///   verified at that moment is accepted, but not cached.
/// - Whether a token was cached shows in the response time, but only to the client that has the token.
#[must_use]
pub struct TokenCache<C>(Arc<ShardedCache<C>>);

/// A token is hashed by its last bytes, with a seed: they are part of its signature, which is as good
/// as random. A collision only costs a verification, because whole tokens are compared.
const HASHED: usize = 32;

/// Shards, each behind a lock.
struct ShardedCache<C> {
    /// Seeded, so that nobody can construct colliding tokens.
    hasher: SipHasher13,
    shards: Box<[LockedShard<C>]>,
    bounds: Bounds,
    bounds_per_shard: Bounds,
    /// Increases whenever tokens are removed on request: a token whose verification began before the
    /// removal is not inserted.
    epoch: AtomicU64,
}

/// The lock is held for one lookup or one insertion; the caller's code (`Clone`, `Drop`, a predicate)
/// never runs while it is held.
struct LockedShard<C> {
    shard: Mutex<Shard<C>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// Where to insert a token that was not found, after its verification.
#[derive(Clone, Copy)]
pub(super) struct Vacancy {
    hash: u64,
    epoch: u64,
}

impl<C> TokenCache<C> {
    /// A cache of at most this number of tokens, and as many KiB (at least 64 KiB).
    ///
    /// # Errors
    ///
    /// If it is zero.
    pub fn of(tokens: usize) -> Result<Self, ConfigError> {
        Ok(Self::within(Bounds::of_tokens(tokens)?))
    }

    /// The maximum size in bytes. It returns a new, empty cache, so call it before the cache is used.
    ///
    /// # Errors
    ///
    /// If it is less than 16 KiB.
    pub fn bytes(self, bytes: usize) -> Result<Self, ConfigError> {
        Ok(Self::within(self.0.bounds.with_bytes(bytes)?))
    }

    /// Removes a token; returns whether it was cached.
    ///
    /// The token itself stays valid: see [above](Self#example-revoking-tokens).
    pub fn forget(&self, token: impl AsRef<[u8]>) -> bool {
        let (cache, token) = (&*self.0, token.as_ref());
        cache.next_epoch();
        let shard = cache.shard(cache.hash(token));
        let removed = shard.map(|shard| shard.lock().remove_token(token));
        removed.is_some_and(|removed| !removed.is_empty())
    }

    /// Removes the tokens whose claims satisfy the predicate; returns how many. It checks every token,
    /// without blocking requests in the meantime.
    pub fn forget_where(&self, mut predicate: impl FnMut(&C) -> bool) -> usize {
        self.0.next_epoch();
        let mut count = 0_usize;
        for shard in &self.0.shards {
            let entries: Vec<_> = shard.lock().entries().cloned().collect();
            for entry in entries.iter().filter(|entry| predicate(entry.claims())) {
                let removed = shard.lock().remove(entry);
                count = count.saturating_add(removed.iter().len());
            }
        }
        count
    }

    /// Removes all tokens and frees their memory.
    pub fn clear(&self) {
        self.0.next_epoch();
        for shard in &self.0.shards {
            // The lock is released before the entries are dropped.
            let removed = mem::take(&mut *shard.lock());
            drop(removed);
        }
    }

    /// The number of tokens, including expired ones that have not been removed yet.
    #[must_use]
    pub fn len(&self) -> usize {
        let shards = self.0.shards.iter();
        shards.map(|shard| shard.lock().len()).sum()
    }

    /// Whether there are no tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of all tokens in bytes, as it counts towards the limit.
    #[must_use]
    pub fn size(&self) -> usize {
        let shards = self.0.shards.iter();
        shards.map(|shard| shard.lock().bytes()).sum()
    }

    /// The number of requests that have found their token in the cache.
    #[must_use]
    pub fn hits(&self) -> u64 {
        let hits = self.0.shards.iter().map(|shard| &shard.hits);
        hits.map(|hits| hits.load(Ordering::Relaxed)).sum()
    }

    /// The number of requests that have not, including those whose token was then refused.
    #[must_use]
    pub fn misses(&self) -> u64 {
        let misses = self.0.shards.iter().map(|shard| &shard.misses);
        misses.map(|misses| misses.load(Ordering::Relaxed)).sum()
    }

    fn within(bounds: Bounds) -> Self {
        Self(Arc::new(ShardedCache {
            hasher: SipHasher13::new_with_keys(random_bits(), random_bits()),
            shards: (0..bounds.shards())
                .map(|_| LockedShard::default())
                .collect(),
            bounds,
            bounds_per_shard: bounds.per_shard(),
            epoch: AtomicU64::new(0),
        }))
    }

    /// The entry of a token that was verified with these settings, if it is still valid; otherwise
    /// where to insert it.
    pub(super) fn find(
        &self,
        token: &[u8],
        revision: u64,
        now: Duration,
        still_holds: impl FnOnce(&VerifiedWith) -> bool,
    ) -> Result<Arc<CachedToken<C>>, Vacancy> {
        let cache = &*self.0;
        let hash = cache.hash(token);
        let epoch = cache.epoch.load(Ordering::Acquire);
        let shard = cache.shard(hash);
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

    /// Inserts a verified token, unless tokens were removed on request since the lookup.
    pub(super) fn insert(
        &self,
        vacancy: Vacancy,
        token: &[u8],
        verified: Verified<C>,
        now: Duration,
    ) {
        let cache = &*self.0;
        let Some(shard) = cache.shard(vacancy.hash) else {
            return;
        };
        let key = key(vacancy.hash, verified.with.revision);
        let entry = Arc::new(CachedToken::new(key, token, verified));
        let mut shard = shard.lock();
        // Read with the lock held: a removal first increases the epoch, and then takes the lock.
        if cache.epoch.load(Ordering::Acquire) == vacancy.epoch {
            let removed = shard.insert(entry, cache.bounds_per_shard, now);
            drop(shard);
            drop(removed);
        }
    }
}

impl<C> ShardedCache<C> {
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
        // The upper bits; the shard's index uses the others.
        let shards = u64::try_from(self.shards.len()).unwrap_or(1);
        let at = (hash >> 32).checked_rem(shards)?;
        self.shards.get(usize::try_from(at).ok()?)
    }
}

/// The key of a token that was verified with these settings: a token may be cached for several `Jwt`s.
const fn key(hash: u64, revision: u64) -> u64 {
    // An odd number, from the golden ratio: the products of revisions differ in all bits.
    hash ^ revision.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl<C> LockedShard<C> {
    /// A poisoned lock is harmless: the caller's code never runs while the lock is held.
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

impl<C> Default for TokenCache<C> {
    /// At most 10,000 tokens and 10,000 KiB.
    fn default() -> Self {
        Self::within(Bounds::default())
    }
}

impl<C> Clone for TokenCache<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> fmt::Debug for TokenCache<C> {
    /// Only the counts: a token is a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounds { tokens, bytes } = self.0.bounds;
        f.debug_struct("TokenCache")
            .field("tokens", &format_args!("{} of {tokens}", self.len()))
            .field("bytes", &format_args!("{} of {bytes}", self.size()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::Arc,
        time::Duration,
    };

    use super::{TokenCache, Verified, VerifiedWith};
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

    fn cache() -> TokenCache<&'static str> {
        TokenCache::of(10).unwrap()
    }

    /// Whether the token is found while the keys are of this generation; if not, it is inserted.
    fn finds(cache: &TokenCache<&'static str>, revision: u64, generation: u64) -> bool {
        let is_current = |with: &VerifiedWith| with.generation == Some(generation);
        let found = cache.find(TOKEN, revision, NOW, is_current);
        let Err(vacancy) = found else { return true };
        cache.insert(vacancy, TOKEN, verified(revision, generation), NOW);
        false
    }

    #[test]
    fn does_not_find_tokens_verified_with_other_keys() {
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
    fn does_not_find_tokens_verified_with_old_keys_but_inserted_later() {
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
            let _shard = cache.0.shards[0].lock();
            panic!("while the lock is held");
        }));
        poisoned.unwrap_err();
        assert!(cache.0.shards[0].shard.is_poisoned());
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
        assert_eq!((cache.len(), cache.size()), (0, 0));
    }

    #[test]
    fn does_not_remove_an_entry_that_was_replaced() {
        let (cache, revision) = (cache(), 1);
        assert!(!finds(&cache, revision, 1));
        let Ok(old) = cache.find(TOKEN, revision, NOW, |_| true) else {
            panic!("it is there");
        };
        assert!(!finds(&cache, revision, 2));
        assert!(cache.0.shards[0].lock().remove(&old).is_none());
        assert_eq!(Arc::strong_count(&old), 1);
        assert!(finds(&cache, revision, 2));
    }
}
