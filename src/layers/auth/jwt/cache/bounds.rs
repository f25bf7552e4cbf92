//! Says how much a cache may hold.

use crate::wire::ConfigError;

/// Less than this is of no use: one token may have 8 KiB.
const LEAST_BYTES: usize = 16 * 1024;

/// A part of the cache is never made smaller than this many tokens and bytes by dividing it.
const TOKENS_OF_A_SHARD: usize = 256;
const BYTES_OF_A_SHARD: usize = 64 * 1024;
const MOST_SHARDS: usize = 1024;

/// The most tokens and bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) tokens: usize,
    pub(super) bytes: usize,
}

impl Bounds {
    /// So many tokens, and a KiB for each.
    pub(super) fn tokens(tokens: usize) -> Result<Self, ConfigError> {
        if tokens == 0 {
            let message = "a cache of no tokens: `Jwt::without_cache` does without one";
            return Err(ConfigError::new("TokenCache", message));
        }
        let bytes = tokens.saturating_mul(1024).max(BYTES_OF_A_SHARD);
        Ok(Self { tokens, bytes })
    }

    pub(super) fn bytes(self, bytes: usize) -> Result<Self, ConfigError> {
        if bytes < LEAST_BYTES {
            let message = format!("a cache of {bytes} bytes: give it {LEAST_BYTES} or more");
            return Err(ConfigError::new("TokenCache", message));
        }
        Ok(Self { bytes, ..self })
    }

    /// Into how many parts the cache is divided, so that threads seldom wait for each other: a
    /// power of two.
    pub(super) fn shards(self) -> usize {
        let most = (self.tokens / TOKENS_OF_A_SHARD).min(self.bytes / BYTES_OF_A_SHARD);
        let most = most.clamp(1, MOST_SHARDS);
        // The greatest power of two that is not more.
        1 << most.ilog2()
    }

    /// The bounds of each part.
    pub(super) fn of_a_shard(self) -> Self {
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
    fn shards_hold_no_more_than_the_whole_may() {
        let cases = [
            ("one token", 1, 16 << 10, 1),
            ("a few", 511, 1 << 20, 1),
            ("two parts", 512, 1 << 20, 2),
            ("the default", 10_000, 10_000 << 10, 32),
            ("few bytes", 10_000, 64 << 10, 1),
            ("many", 1_000_000, 1 << 30, 1024),
        ];
        for (name, tokens, bytes, shards) in cases {
            let bounds = Bounds { tokens, bytes };
            assert_eq!(bounds.shards(), shards, "{name}");
            let each = bounds.of_a_shard();
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
