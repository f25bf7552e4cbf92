//! Says which shard of a table is to be swept next.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Nanoseconds in which every shard is swept once, if there are enough look-ups: a minute.
const ROUND: u64 = 60_000_000_000;

/// Gives each shard its turn, at most one for each look-up. Nothing else depends on what it reads,
/// so threads may see it late.
pub(crate) struct Sweep {
    /// When the next turn is due.
    due: AtomicU64,
    next: AtomicUsize,
    shards: usize,
    /// Nanoseconds from one turn to the next.
    step: u64,
}

impl Sweep {
    pub(crate) fn new(shards: usize) -> Self {
        let step = ROUND / u64::try_from(shards).unwrap_or(u64::MAX).max(1);
        Self {
            due: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            shards,
            step,
        }
    }

    /// The shard that is due, for one caller only.
    pub(crate) fn due(&self, now: u64) -> Option<usize> {
        let due = self.due.load(Relaxed);
        // It is further ahead than one step only if the clock was set back.
        if (1..=self.step).contains(&due.saturating_sub(now)) {
            return None;
        }
        // Turns that were missed while nobody came are made up for, up to one round.
        let next = due.clamp(now.saturating_sub(ROUND), now);
        let next = next.saturating_add(self.step);
        self.due
            .compare_exchange(due, next, Relaxed, Relaxed)
            .ok()?;
        // A power of two, so that no turn is left out when the number wraps around.
        self.next.fetch_add(1, Relaxed).checked_rem(self.shards)
    }
}
