//! Tells the time that limits go by.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// Nanoseconds since a moment that stays the same.
#[derive(Clone)]
pub(super) enum Clock {
    /// Monotonic, so that nobody who sets the clock frees or locks anyone. One system call that
    /// does not enter the kernel; a clock by cycle counter is some nanoseconds quicker, but is
    /// calibrated for up to 200 ms at the start of the program.
    Monotonic(Instant),
    Given(Arc<dyn Fn() -> Duration + Send + Sync>),
}

impl Clock {
    pub(super) fn monotonic() -> Self {
        Self::Monotonic(Instant::now())
    }

    pub(super) fn now(&self) -> u64 {
        let elapsed = match self {
            Self::Monotonic(start) => start.elapsed(),
            Self::Given(now) => now(),
        };
        // 584 years.
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Monotonic(_) => "Monotonic",
            Self::Given(_) => "Given",
        })
    }
}
