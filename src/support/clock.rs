//! The time: the system's, or one that a test sets and advances.

use std::{
    fmt,
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use std::time::Instant;
// The standard library's clocks panic there.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use web_time::Instant;

/// What [`Clock::monotonic`] of the system's clock counts from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The clock of a policy: the date, and time that never goes back.
///
/// Every policy that depends on time has a `.clock(..)`, which takes a `Clock`, a [`ManualClock`],
/// or a function that returns the date. Policies use the system's clock by default.
#[derive(Clone, Default)]
pub struct Clock(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    System,
    Function(Arc<Function>),
    Manual(ManualClock),
}

/// A function that returns the date. Monotonic time is derived from it: when the date goes back,
/// time goes on from where it was.
struct Function {
    now: Box<dyn Fn() -> SystemTime + Send + Sync>,
    /// The latest time since the epoch that it has returned since it was last set back, in
    /// nanoseconds.
    latest: AtomicU64,
    /// The sum of all steps back, in nanoseconds.
    lost: AtomicU64,
}

/// A smaller step back than this, in nanoseconds, is jitter: time stands still.
const JITTER: u64 = 1_000_000_000;

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// The date. It can go back when somebody sets the clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        match &self.0 {
            Source::System => system_time(),
            Source::Function(function) => (function.now)(),
            Source::Manual(clock) => clock.time().date,
        }
    }

    /// The time since a moment that stays the same. It never goes back, even when the date does.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System => START.elapsed(),
            Source::Function(function) => Duration::from_nanos(function.monotonic()),
            Source::Manual(clock) => clock.time().monotonic,
        }
    }

    /// Whether this is the system's clock.
    pub(crate) const fn is_system(&self) -> bool {
        matches!(self.0, Source::System)
    }

    /// The date as the time since the Unix epoch; zero for dates before it.
    pub(crate) fn since_epoch(&self) -> Duration {
        self.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// The date of the system.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
fn system_time() -> SystemTime {
    SystemTime::now()
}

/// The date of the system.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
fn system_time() -> SystemTime {
    use web_time::web::SystemTimeExt;

    web_time::SystemTime::now().to_std()
}

impl Function {
    fn monotonic(&self) -> u64 {
        let reading = nanos((self.now)().duration_since(UNIX_EPOCH).unwrap_or_default());
        let latest = self.latest.fetch_max(reading, Ordering::SeqCst);
        let step_back = latest.saturating_sub(reading);
        if step_back > JITTER
            && self
                .latest
                .compare_exchange(latest, reading, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        {
            let add = |lost: u64| Some(lost.saturating_add(step_back));
            let _: Result<u64, u64> =
                self.lost
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
            return reading.saturating_add(self.lost.load(Ordering::SeqCst));
        }
        let lost = self.lost.load(Ordering::SeqCst);
        latest.max(reading).saturating_add(lost)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl<F: Fn() -> SystemTime + Send + Sync + 'static> From<F> for Clock {
    fn from(now: F) -> Self {
        Self(Source::Function(Arc::new(Function {
            now: Box::new(now),
            latest: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        })))
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self(Source::Manual(clock))
    }
}

impl From<&ManualClock> for Clock {
    fn from(clock: &ManualClock) -> Self {
        clock.clone().into()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "system",
            Source::Function(_) => "function",
            Source::Manual(_) => "manual",
        })
    }
}

/// A clock for tests: it stands still until it is advanced. Clones are the same clock.
///
/// # Example: one clock for a whole stack
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use wythe::{Clock, ManualClock};
///
/// let hand = ManualClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
/// let clock = Clock::from(&hand); // or `policy.clock(&hand)`
/// let start = clock.monotonic();
///
/// hand.advance(Duration::from_secs(60));
/// assert_eq!(clock.monotonic() - start, Duration::from_secs(60));
///
/// // Somebody sets the clock back: the date changes, and time goes on.
/// hand.set(SystemTime::UNIX_EPOCH);
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH);
/// assert_eq!(clock.monotonic() - start, Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Time>>);

#[derive(Clone, Copy, Debug)]
struct Time {
    date: SystemTime,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock that shows this date.
    #[must_use]
    pub fn new(date: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Time {
            date,
            monotonic: Duration::ZERO,
        })))
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        own.date = own.date.checked_add(time).unwrap_or(own.date);
        own.monotonic = own.monotonic.saturating_add(time);
    }

    /// Sets the date, as an administrator does: no time passes.
    pub fn set(&self, date: SystemTime) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).date = date;
    }

    fn time(&self) -> Time {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the Unix epoch.
impl Default for ManualClock {
    fn default() -> Self {
        Self::new(UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
        time::{Duration, UNIX_EPOCH},
    };

    use super::Clock;

    #[test]
    fn time_goes_on_from_where_it_was_when_the_date_is_set_back() {
        let reading = Arc::new(AtomicU64::new(0));
        let read = Arc::clone(&reading);
        let clock =
            Clock::from(move || UNIX_EPOCH + Duration::from_secs(read.load(Ordering::SeqCst)));
        // What the clock shows, and the monotonic time, in seconds.
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
        for (date, monotonic) in steps {
            reading.store(date, Ordering::SeqCst);
            assert_eq!(clock.monotonic().as_secs(), monotonic, "{date}");
        }
    }
}
