//! Tells the time that limits go by.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::rule::FURTHEST;

/// A given clock that is back by less stands still; by more, it was set.
const TOLERANCE: u64 = 1_000_000_000;

/// The latest time, after 438 years: the distance of a key from it still fits into 64 bits, so that
/// a clock that has arrived there stands still, and does not let everything through.
const LATEST: u64 = u64::MAX - FURTHEST;

/// Nanoseconds since a moment that stays the same. They never go back.
#[derive(Clone)]
pub(super) enum Clock {
    /// Monotonic, so that nobody who sets the clock frees or locks anyone. One system call that
    /// does not enter the kernel; a clock by cycle counter is some nanoseconds quicker, but is
    /// calibrated for up to 200 ms at the start of the program.
    Monotonic(Instant),
    Given(Arc<Given>),
}

/// A clock that may be set: when it goes back, time goes on from where it was.
pub(super) struct Given {
    now: Box<dyn Fn() -> Duration + Send + Sync>,
    /// The latest time that it has shown since it was set.
    latest: AtomicU64,
    /// By how much it was set back, all in all.
    lost: AtomicU64,
}

impl Clock {
    pub(super) fn monotonic() -> Self {
        Self::Monotonic(Instant::now())
    }

    pub(super) fn given(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self::Given(Arc::new(Given {
            now: Box::new(now),
            latest: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }))
    }

    pub(super) fn now(&self) -> u64 {
        let now = match self {
            Self::Monotonic(start) => nanoseconds(start.elapsed()),
            Self::Given(clock) => clock.now(),
        };
        now.min(LATEST)
    }
}

impl Given {
    fn now(&self) -> u64 {
        let shown = nanoseconds((self.now)());
        let latest = self.latest.fetch_max(shown, Ordering::SeqCst);
        let back = latest.saturating_sub(shown);
        if back > TOLERANCE
            && self
                .latest
                .compare_exchange(latest, shown, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        {
            let add = |lost: u64| Some(lost.saturating_add(back));
            let _: Result<_, _> = self
                .lost
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
            return shown.saturating_add(self.lost.load(Ordering::SeqCst));
        }
        let lost = self.lost.load(Ordering::SeqCst);
        latest.max(shown).saturating_add(lost)
    }
}

/// 584 years at most.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Monotonic(_) => "Monotonic",
            Self::Given(_) => "Given",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
        time::Duration,
    };

    use super::Clock;

    #[test]
    fn a_clock_that_is_set_back_goes_on_from_where_it_was() {
        let shown = Arc::new(AtomicU64::new(0));
        let read = Arc::clone(&shown);
        let clock = Clock::given(move || Duration::from_secs(read.load(Ordering::SeqCst)));
        // What the clock shows, and how late it is.
        let steps = [
            (100, 100),
            (130, 130),
            (50, 130),
            (60, 140),
            (59, 140),
            (61, 141),
            (0, 141),
            (10, 151),
            (500, 641),
        ];
        for (show, late) in steps {
            shown.store(show, Ordering::SeqCst);
            assert_eq!(clock.now(), late * 1_000_000_000, "{show}");
        }
    }
}
