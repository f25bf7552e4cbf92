//! Stops asking a store that does not answer, until it does again.
//!
//! Closed: every request asks. After so many failures in a row it opens: nobody asks, but one
//! request at a time after a pause that grows. If that is answered it closes.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::Words;
use crate::support::backoff;

/// When to stop asking, and how often to try again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) failures: u32,
    pub(crate) first_pause: Duration,
    pub(crate) longest_pause: Duration,
}

/// All in atomics: nobody waits for anybody.
pub(super) struct Breaker {
    words: &'static Words,
    start: Instant,
    open: AtomicBool,
    /// Failures in a row.
    failures: AtomicU32,
    /// Probes in a row that failed.
    probes: AtomicU32,
    probing: AtomicBool,
    /// Nanoseconds from the start.
    opened_at: AtomicU64,
    next_probe: AtomicU64,
    times_opened: AtomicU64,
}

/// The right to ask once. If nothing is said of the outcome, because the request went away, it is
/// as if nobody had asked.
#[must_use]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Breaker {
    pub(super) fn new(words: &'static Words) -> Self {
        Self {
            words,
            start: Instant::now(),
            open: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            probes: AtomicU32::new(0),
            probing: AtomicBool::new(false),
            opened_at: AtomicU64::new(0),
            next_probe: AtomicU64::new(0),
            times_opened: AtomicU64::new(0),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub(super) fn times_opened(&self) -> u64 {
        self.times_opened.load(Ordering::Relaxed)
    }

    /// Whether a request may ask now.
    pub(super) fn pass(&self) -> Option<Pass<'_>> {
        if !self.is_open() {
            return Some(Pass {
                breaker: self,
                probe: false,
            });
        }
        if self.until_probe().is_some() || self.probing.swap(true, Ordering::AcqRel) {
            return None;
        }
        let pass = Pass {
            breaker: self,
            probe: true,
        };
        // Another probe may have ended since: its news counts.
        if !self.is_open() {
            drop(pass);
            return self.pass();
        }
        self.until_probe().is_none().then_some(pass)
    }

    /// Whether nobody may ask now, not even one.
    pub(super) fn rests(&self) -> bool {
        self.is_open() && (self.until_probe().is_some() || self.probing.load(Ordering::Acquire))
    }

    /// How long nobody will ask, if it is open.
    pub(super) fn until_probe(&self) -> Option<Duration> {
        let next = self.next_probe.load(Ordering::Acquire);
        let left = next.saturating_sub(self.now());
        (left > 0).then(|| Duration::from_nanos(left))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn pause(&self, patience: &Patience) {
        let before = self.probes.fetch_add(1, Ordering::AcqRel);
        let pause = backoff::growing(patience.first_pause, before, patience.longest_pause);
        let pause = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
        let next = self.now().saturating_add(pause);
        self.next_probe.store(next, Ordering::Release);
    }
}

impl Pass<'_> {
    /// The store has answered.
    pub(super) fn answered(self) {
        let breaker = self.breaker;
        if !self.probe {
            // Most of the time there is nothing to change.
            if breaker.failures.load(Ordering::Relaxed) != 0 {
                breaker.failures.store(0, Ordering::Relaxed);
            }
            return;
        }
        breaker.failures.store(0, Ordering::Relaxed);
        breaker.probes.store(0, Ordering::Relaxed);
        if breaker.open.swap(false, Ordering::AcqRel) {
            let opened_at = breaker.opened_at.load(Ordering::Relaxed);
            let after = Duration::from_nanos(breaker.now().saturating_sub(opened_at));
            closed(breaker.words, after);
        }
    }

    /// The store has not answered, or with an error. Says whether it is given up now, or stays so.
    pub(super) fn failed(self, patience: &Patience, cause: &dyn fmt::Display) -> bool {
        let breaker = self.breaker;
        if self.probe {
            breaker.pause(patience);
            return true;
        }
        let failures = breaker.failures.fetch_add(1, Ordering::AcqRel);
        if failures.saturating_add(1) < patience.failures || breaker.is_open() {
            return false;
        }
        // The times first: whoever sees it open sees until when. If two come here at once, the
        // one that opens it tells.
        breaker.opened_at.store(breaker.now(), Ordering::Relaxed);
        breaker.pause(patience);
        if breaker.open.swap(true, Ordering::AcqRel) {
            return false;
        }
        breaker.times_opened.fetch_add(1, Ordering::Relaxed);
        opened(breaker.words, failures.saturating_add(1), cause);
        true
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.probing.store(false, Ordering::Release);
        }
    }
}

#[cfg(feature = "tracing")]
fn opened(words: &Words, failures: u32, cause: &dyn fmt::Display) {
    tracing::warn!(target: "wythe", failures, cause = %cause, "{}", words.opened);
}

#[cfg(feature = "tracing")]
fn closed(words: &Words, after: Duration) {
    tracing::info!(target: "wythe", ?after, "{}", words.closed);
}

#[cfg(not(feature = "tracing"))]
fn opened(words: &Words, failures: u32, cause: &dyn fmt::Display) {
    let _ = (words.opened, failures, cause);
}

#[cfg(not(feature = "tracing"))]
const fn closed(words: &Words, _: Duration) {
    let _ = words.closed;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::Words, Breaker, Patience};

    static WORDS: Words = Words {
        policy: "Test",
        opened: "given up",
        closed: "back",
    };

    const AT_ONCE: Patience = Patience {
        failures: 3,
        first_pause: Duration::ZERO,
        longest_pause: Duration::ZERO,
    };
    const NEVER: Patience = Patience {
        failures: 3,
        first_pause: Duration::from_secs(3_600),
        longest_pause: Duration::from_secs(3_600),
    };

    fn open(breaker: &Breaker, patience: &Patience) {
        for n in 1..=3 {
            let gives_up = breaker.pass().unwrap().failed(patience, &"no");
            assert_eq!(gives_up, n == 3);
        }
        assert!(breaker.is_open());
    }

    #[test]
    fn opens_after_failures_in_a_row() {
        let breaker = Breaker::new(&WORDS);
        for _ in 0..5 {
            for _ in 0..2 {
                breaker.pass().unwrap().failed(&AT_ONCE, &"no");
            }
            breaker.pass().unwrap().answered();
        }
        assert!(!breaker.is_open());
        open(&breaker, &AT_ONCE);
    }

    #[test]
    fn nobody_asks_during_the_pause() {
        let breaker = Breaker::new(&WORDS);
        open(&breaker, &NEVER);
        assert!(breaker.pass().is_none());
        let left = breaker.until_probe().unwrap();
        assert!((2_600..4_600).contains(&left.as_secs()), "{left:?}");
    }

    #[test]
    fn one_probes_at_a_time_and_its_answer_closes() {
        let breaker = Breaker::new(&WORDS);
        open(&breaker, &AT_ONCE);
        let probe = breaker.pass().unwrap();
        assert!(breaker.pass().is_none());
        assert!(probe.failed(&AT_ONCE, &"no"));
        // One that goes away makes room for another.
        drop(breaker.pass().unwrap());
        breaker.pass().unwrap().answered();
        assert!(!breaker.is_open());
        assert_eq!(breaker.times_opened(), 1);
    }

    #[test]
    fn late_news_from_before_it_opened_changes_nothing() {
        let breaker = Breaker::new(&WORDS);
        let late = [breaker.pass().unwrap(), breaker.pass().unwrap()];
        open(&breaker, &NEVER);
        let [first, second] = late;
        first.answered();
        assert!(!second.failed(&NEVER, &"no"));
        assert!(breaker.is_open() && breaker.pass().is_none());
        assert_eq!(breaker.times_opened(), 1);
    }

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let breaker = Breaker::new(&WORDS);
        let patience = Patience {
            failures: 1,
            first_pause: Duration::from_secs(100),
            longest_pause: Duration::from_secs(1_000),
        };
        for (low, high) in [
            (74, 126),
            (149, 251),
            (299, 501),
            (599, 1_001),
            (749, 1_251),
        ] {
            breaker.pause(&patience);
            let left = breaker.until_probe().unwrap().as_secs();
            assert!((low..high).contains(&left), "{left}");
        }
    }
}
