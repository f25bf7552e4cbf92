//! One shard of a cache: keeps tokens within limits, and evicts by the CLOCK algorithm.
//!
//! `quick_cache` would take as many instructions and allocations, and save 73 lines. But it leaves
//! expired tokens in memory until they are evicted, has one limit instead of two, and keeps no token
//! at all if there is room for only one.

use std::{collections::HashMap, hash::BuildHasherDefault, sync::Arc, time::Duration};

use zeroize::Zeroizing;

use crate::{
    layers::auth::jwt::claims::ValidityPeriod, support::shards::IdentityHasher, wire::ConfigError,
};

/// How many tokens an insertion checks for expiry.
const SWEEP_BATCH: usize = 4;

/// How many recently used tokens an insertion spares before it evicts one of them.
const MAX_SPARED: usize = 8;

/// A verified token's claims, and how long they are valid.
#[derive(Debug)]
pub(in crate::layers::auth::jwt) struct Verified<C> {
    pub(in crate::layers::auth::jwt) claims: C,
    pub(in crate::layers::auth::jwt) period: ValidityPeriod,
    pub(in crate::layers::auth::jwt) with: VerifiedWith,
}

/// The settings and keys with which a token was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::layers::auth::jwt) struct VerifiedWith {
    /// The number of the settings.
    pub(in crate::layers::auth::jwt) revision: u64,
    /// The issuer's index in the settings.
    pub(in crate::layers::auth::jwt) issuer: usize,
    /// The generation of the issuer's keys, read before they were used. `None` if the token must not
    /// be cached.
    pub(in crate::layers::auth::jwt) generation: Option<u64>,
}

/// An entry of the cache.
pub(in crate::layers::auth::jwt) struct CachedToken<C> {
    /// The hash under which the shard finds it.
    key: u64,
    /// The whole token; wiped when dropped.
    token: Zeroizing<Box<[u8]>>,
    verified: Verified<C>,
}

impl<C> CachedToken<C> {
    pub(super) fn new(key: u64, token: &[u8], verified: Verified<C>) -> Self {
        Self {
            key,
            token: Zeroizing::new(token.into()),
            verified,
        }
    }

    pub(in crate::layers::auth::jwt) const fn claims(&self) -> &C {
        &self.verified.claims
    }

    pub(super) const fn verified(&self) -> &Verified<C> {
        &self.verified
    }

    /// Whether it is exactly this token. Not in constant time: the entry was found by the end of its
    /// signature, so the comparison reveals nothing to anyone who does not already know that.
    pub(super) fn is(&self, token: &[u8]) -> bool {
        **self.token == *token
    }

    /// The size in memory, without what the claims allocate.
    fn size(&self) -> usize {
        // Estimates a slot, an entry of the index, and the allocator's overhead.
        const SHARD: usize = 96;
        size_of::<Self>().saturating_add(self.token.len().saturating_add(SHARD))
    }
}

/// Tokens by their hash. Nothing here runs the caller's code, not even `drop`: removed entries are
/// returned.
pub(super) struct Shard<C> {
    slots: Vec<Option<Slot<C>>>,
    /// The empty slots.
    free: Vec<usize>,
    index: HashMap<u64, usize, BuildHasherDefault<IdentityHasher>>,
    bytes: usize,
    /// The next slot to consider for eviction.
    clock_hand: usize,
    /// The next slot to check for expiry.
    sweep_hand: usize,
}

struct Slot<C> {
    /// Whether it was found since the clock hand passed.
    used: bool,
    entry: Arc<CachedToken<C>>,
}

impl<C> Shard<C> {
    pub(super) fn find(&mut self, key: u64) -> Option<Arc<CachedToken<C>>> {
        let slot = self.slots.get_mut(*self.index.get(&key)?)?.as_mut()?;
        slot.used = true;
        Some(Arc::clone(&slot.entry))
    }

    /// Inserts an entry and returns those that it displaces. An entry that is too large is returned
    /// itself.
    pub(super) fn insert(
        &mut self,
        entry: Arc<CachedToken<C>>,
        bounds: Bounds,
        now: Duration,
    ) -> Vec<Arc<CachedToken<C>>> {
        let (key, size) = (entry.key, entry.size());
        let replaced = self.index.get(&key).copied();
        let mut removed = Vec::from_iter(replaced.and_then(|at| self.take(at)));
        if size > bounds.bytes || bounds.tokens == 0 {
            removed.push(entry);
            return removed;
        }
        self.sweep(now, &mut removed);
        while self.len() >= bounds.tokens || self.bytes > bounds.bytes.saturating_sub(size) {
            let Some(evicted) = self.evict() else { break };
            removed.push(evicted);
        }
        let slot = Some(Slot { used: false, entry });
        let at = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(at) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        self.index.insert(key, at);
        self.bytes = self.bytes.saturating_add(size);
        removed
    }

    /// Removes exactly this entry, unless another has replaced it.
    pub(super) fn remove(&mut self, entry: &Arc<CachedToken<C>>) -> Option<Arc<CachedToken<C>>> {
        let at = *self.index.get(&entry.key)?;
        let is_same = Arc::ptr_eq(self.entry(at)?, entry);
        is_same.then(|| self.take(at))?
    }

    /// Removes all entries of a token, whatever the settings with which it was verified.
    pub(super) fn remove_token(&mut self, token: &[u8]) -> Vec<Arc<CachedToken<C>>> {
        let mut removed = Vec::new();
        for at in 0..self.slots.len() {
            if self.entry(at).is_some_and(|entry| entry.is(token)) {
                removed.extend(self.take(at));
            }
        }
        removed
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<CachedToken<C>>> {
        let slots = self.slots.iter().flatten();
        slots.map(|slot| &slot.entry)
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Removes expired entries among the next few.
    fn sweep(&mut self, now: Duration, removed: &mut Vec<Arc<CachedToken<C>>>) {
        for _ in 0..SWEEP_BATCH.min(self.slots.len()) {
            let at = advance(&mut self.sweep_hand, self.slots.len());
            let entry = self.entry(at);
            if entry.is_some_and(|entry| entry.verified.period.has_ended(now)) {
                removed.extend(self.take(at));
            }
        }
    }

    /// Removes the next entry that was not used since the hand last passed it; after a few used
    /// entries, the next one in any case.
    fn evict(&mut self) -> Option<Arc<CachedToken<C>>> {
        let mut spared = 0_usize;
        // Two rounds: the first may only reset `used`. Empty slots are skipped.
        for _ in 0..=self.slots.len().saturating_mul(2) {
            let at = advance(&mut self.clock_hand, self.slots.len());
            let Some(Some(slot)) = self.slots.get_mut(at) else {
                continue;
            };
            if !slot.used || spared >= MAX_SPARED {
                return self.take(at);
            }
            slot.used = false;
            spared = spared.saturating_add(1);
        }
        None
    }

    fn entry(&self, at: usize) -> Option<&Arc<CachedToken<C>>> {
        Some(&self.slots.get(at)?.as_ref()?.entry)
    }

    fn take(&mut self, at: usize) -> Option<Arc<CachedToken<C>>> {
        let Slot { entry, .. } = self.slots.get_mut(at)?.take()?;
        self.index.remove(&entry.key);
        self.free.push(at);
        self.bytes = self.bytes.saturating_sub(entry.size());
        Some(entry)
    }
}

/// The position of a hand, which then advances to the next slot.
const fn advance(hand: &mut usize, slots: usize) -> usize {
    let at = if *hand < slots { *hand } else { 0 };
    *hand = at.saturating_add(1);
    at
}

impl<C> Default for Shard<C> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            index: HashMap::default(),
            bytes: 0,
            clock_hand: 0,
            sweep_hand: 0,
        }
    }
}

/// A smaller cache would be useless: a single token may have 8 KiB.
const MIN_BYTES: usize = 16 * 1024;

/// A shard has at least this many tokens and bytes.
const TOKENS_PER_SHARD: usize = 256;
const BYTES_PER_SHARD: usize = 64 * 1024;
const MAX_SHARDS: usize = 1024;

/// The maximum number of tokens and bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) tokens: usize,
    pub(super) bytes: usize,
}

impl Bounds {
    /// This number of tokens, and a KiB for each.
    pub(super) fn of_tokens(tokens: usize) -> Result<Self, ConfigError> {
        if tokens == 0 {
            let message = "a cache needs room for at least one token; to verify every token, use \
                           `Jwt::without_cache`";
            return Err(ConfigError::new("TokenCache", message));
        }
        let bytes = tokens.saturating_mul(1024).max(BYTES_PER_SHARD);
        Ok(Self { tokens, bytes })
    }

    pub(super) fn with_bytes(self, bytes: usize) -> Result<Self, ConfigError> {
        if bytes < MIN_BYTES {
            let message = format!("a cache needs at least {MIN_BYTES} bytes, not {bytes}");
            return Err(ConfigError::new("TokenCache", message));
        }
        Ok(Self { bytes, ..self })
    }

    /// The number of shards, a power of two, so that threads seldom wait for each other.
    pub(super) fn shards(self) -> usize {
        let shards = (self.tokens / TOKENS_PER_SHARD).min(self.bytes / BYTES_PER_SHARD);
        let shards = shards.clamp(1, MAX_SHARDS);
        // The largest power of two that is not greater.
        1 << shards.ilog2()
    }

    pub(super) fn per_shard(self) -> Self {
        Self {
            tokens: self.tokens / self.shards(),
            bytes: self.bytes / self.shards(),
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            tokens: 10_000,
            bytes: 10_000 * 1024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bounds;

    #[test]
    fn all_shards_together_stay_within_the_bounds() {
        let cases = [
            ("one token", 1, 16 << 10, 1),
            ("a few", 511, 1 << 20, 1),
            ("two shards", 512, 1 << 20, 2),
            ("the default", 10_000, 10_000 << 10, 32),
            ("few bytes", 10_000, 64 << 10, 1),
            ("many", 1_000_000, 1 << 30, 1024),
        ];
        for (name, tokens, bytes, shards) in cases {
            let bounds = Bounds { tokens, bytes };
            assert_eq!(bounds.shards(), shards, "{name}");
            let each = bounds.per_shard();
            assert!(each.tokens > 0 && each.tokens * shards <= tokens, "{name}");
            assert!(
                each.bytes >= 16 << 10 && each.bytes * shards <= bytes,
                "{name}"
            );
        }
        let default = Bounds::default();
        assert_eq!((default.tokens, default.bytes), (10_000, 10_000 * 1024));
    }
}
