//! The time: the system's, or one that a test sets and advances.

use std::{
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
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
/// or a function that returns the date, which must not use the clock itself. Policies use the
/// system's clock by default.
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
    readings: Mutex<Readings>,
}

/// What the function has returned for monotonic time.
#[derive(Default)]
struct Readings {
    /// The latest time since the epoch, since the date was last set back.
    latest: Duration,
    /// The sum of all steps back.
    lost: Duration,
}

/// A smaller step back than this is jitter: time stands still.
const JITTER: Duration = Duration::from_secs(1);

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
            Source::Function(function) => function.monotonic(),
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
    /// The function is called under the lock: of two readings, the one that is recorded later must not
    /// be the earlier one, because that would look like a step.
    fn monotonic(&self) -> Duration {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.record((self.now)().duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

impl Readings {
    /// Records a reading, and returns the monotonic time.
    fn record(&mut self, reading: Duration) -> Duration {
        let step_back = self.latest.saturating_sub(reading);
        if step_back > JITTER {
            self.lost = self.lost.saturating_add(step_back);
            self.latest = reading;
        }
        self.latest = self.latest.max(reading);
        self.latest.saturating_add(self.lost)
    }
}

impl<F: Fn() -> SystemTime + Send + Sync + 'static> From<F> for Clock {
    fn from(now: F) -> Self {
        Self(Source::Function(Arc::new(Function {
            now: Box::new(now),
            readings: Mutex::default(),
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
            Arc, Mutex,
            atomic::{AtomicU64, Ordering},
            mpsc::{self, Receiver, Sender},
        },
        thread,
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

    /// A thread has read the date, and is paused before it uses it; then the date is set back.
    #[test]
    fn a_reading_that_is_used_late_is_not_a_step() {
        let date = Arc::new(AtomicU64::new(1_000));
        let read = Arc::clone(&date);
        let (has_read, was_read) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        let pause = Arc::new(Mutex::new(None));
        let pauses = Arc::clone(&pause);
        let clock = Clock::from(move || {
            let seconds = read.load(Ordering::SeqCst);
            let pause = pauses.lock().unwrap().take();
            if let Some((has_read, goes_on)) = pause {
                let (has_read, goes_on): (Sender<()>, Receiver<()>) = (has_read, goes_on);
                has_read.send(()).unwrap();
                // Until the other end is dropped, or in vain, if nobody else can read in the meantime.
                goes_on
                    .recv_timeout(Duration::from_millis(100))
                    .unwrap_err();
            }
            UNIX_EPOCH + Duration::from_secs(seconds)
        });
        assert_eq!(clock.monotonic().as_secs(), 1_000);
        *pause.lock().unwrap() = Some((has_read, goes_on));
        thread::scope(|scope| {
            let paused = scope.spawn(|| clock.monotonic().as_secs());
            was_read.recv().unwrap();
            date.store(900, Ordering::SeqCst);
            let second = clock.monotonic().as_secs();
            drop(go_on);
            assert_eq!((paused.join().unwrap(), second), (1_000, 1_000));
        });
        assert_eq!(clock.monotonic().as_secs(), 1_000);
    }
}
