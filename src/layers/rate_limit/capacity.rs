//! Bounds the memory of a limit.

use super::{
    policy::RateLimit,
    store::{Capacity, Overflow},
};
use crate::wire::ConfigError;

impl<K> RateLimit<K> {
    /// The most keys that are kept at a time, and what happens to the next one. 1,000,000 and
    /// [`Overflow::Evict`] unless told.
    ///
    /// Only keys that have something less than their whole quotas count. One takes up to 48 bytes
    /// for one quota and 16 more for each other. Over 2,048 keys are kept in shards that fill up
    /// almost evenly: the first can be full when the whole is at nine tenths.
    ///
    /// What is idle is dropped by the checks, without a thread: one goes through 2,047 keys at most
    /// in its own shard and in one other, which takes some 60 microseconds. When very much becomes
    /// idle at once, an allocator that gives it all back to the system may take longer.
    ///
    /// # Example: for a small machine
    ///
    /// ```
    /// use wythe::{Quota, rate_limit::Overflow, with_rate_limit};
    ///
    /// // At most 5 MB.
    /// let limit = Quota::per_minute(100).by_peer()?;
    /// let layer = with_rate_limit(limit.max_keys(100_000, Overflow::Refuse)?);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it is 0.
    pub fn max_keys(mut self, keys: usize, overflow: Overflow) -> Result<Self, ConfigError> {
        self.options.capacity = Capacity::new(keys, overflow)?;
        Ok(self)
    }
}
