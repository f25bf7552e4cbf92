//! How much the store may hold: [`Overflow`].

use crate::wire::ConfigError;

/// So many keys share a lock: few enough to go through all of them without a pause, and so many
/// that the shards fill up almost evenly.
const KEYS_PER_SHARD: usize = 1_024;

/// 4 MB of shards before the first key. Stores of over 134 million keys have larger shards.
const MOST_SHARDS: usize = 1 << 16;

/// What happens to a new key when a limit has as many as it may.
///
/// Keys whose quotas are whole are dropped first, as nothing is lost with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// It is refused with 503, until quotas of others are whole again. Nobody gets more than
    /// their quota, but whoever can make up keys can shut out everybody who is new.
    Refuse,
    /// It takes the place of one whose quotas will be whole again soon, the first of 32 that are
    /// looked at. Made-up keys with one request each push out each other, and not a client that
    /// has spent its quota.
    #[default]
    Evict,
}

/// A number of keys that was checked, and what happens when there are so many.
#[derive(Clone, Copy, Debug)]
pub(in crate::layers::rate_limit) struct Capacity {
    keys: usize,
    pub(super) overflow: Overflow,
}

impl Capacity {
    pub(in crate::layers::rate_limit) fn new(
        keys: usize,
        overflow: Overflow,
    ) -> Result<Self, ConfigError> {
        if keys == 0 {
            return Err(ConfigError::new(
                "RateLimit",
                "a limit that may keep 0 keys would limit nothing or refuse everything",
            ));
        }
        Ok(Self { keys, overflow })
    }

    /// Whether new keys can be refused.
    pub(in crate::layers::rate_limit) const fn refuses(self) -> bool {
        matches!(self.overflow, Overflow::Refuse)
    }

    /// A power of two.
    pub(super) const fn shards(self) -> usize {
        match self.keys / KEYS_PER_SHARD {
            0 => 1,
            MOST_SHARDS.. => MOST_SHARDS,
            shards => 1 << shards.ilog2(),
        }
    }

    /// Together never more than `keys`.
    pub(super) const fn keys_per_shard(self) -> usize {
        self.keys / self.shards()
    }
}

/// 1,000,000 keys, of which the old make room for the new.
impl Default for Capacity {
    fn default() -> Self {
        Self {
            keys: 1_000_000,
            overflow: Overflow::Evict,
        }
    }
}
