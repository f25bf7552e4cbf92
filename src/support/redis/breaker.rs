//! A circuit breaker: stops sending requests to a server that does not answer, until it answers again.
//!
//! Closed: every request asks. After some failures in a row it opens: no request asks, except for
//! one at a time after a backoff that grows. If that one is answered, the breaker closes.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::LogMessages;
use crate::support::backoff;

/// When to give up on a server, and how often to try it again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryPolicy {
    pub(crate) failures: u32,
    pub(crate) initial_backoff: Duration,
    pub(crate) max_backoff: Duration,
}

/// All in atomics, without a lock.
pub(super) struct Breaker {
    messages: &'static LogMessages,
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

/// The right to ask once. If the outcome is not reported, because the request was dropped, it is as if
/// nothing had been asked.
#[must_use]
pub(super) struct CallPermit<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Breaker {
    pub(super) fn new(messages: &'static LogMessages) -> Self {
        Self {
            messages,
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
    pub(super) fn permit(&self) -> Option<CallPermit<'_>> {
        if !self.is_open() {
            return Some(CallPermit {
                breaker: self,
                probe: false,
            });
        }
        if self.until_probe().is_some() || self.probing.swap(true, Ordering::AcqRel) {
            return None;
        }
        let permit = CallPermit {
            breaker: self,
            probe: true,
        };
        // Another probe may have ended since, and its outcome counts.
        if !self.is_open() {
            drop(permit);
            return self.permit();
        }
        self.until_probe().is_none().then_some(permit)
    }

    /// Whether no request may ask now, not even one.
    pub(super) fn rejects_calls(&self) -> bool {
        self.is_open() && (self.until_probe().is_some() || self.probing.load(Ordering::Acquire))
    }

    /// How long no request will ask, if it is open.
    pub(super) fn until_probe(&self) -> Option<Duration> {
        let next = self.next_probe.load(Ordering::Acquire);
        let left = next.saturating_sub(self.now());
        (left > 0).then(|| Duration::from_nanos(left))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn back_off(&self, retry: &RetryPolicy) {
        let before = self.probes.fetch_add(1, Ordering::AcqRel);
        let backoff = backoff::exponential(retry.initial_backoff, before, retry.max_backoff);
        let backoff = u64::try_from(backoff.as_nanos()).unwrap_or(u64::MAX);
        let next = self.now().saturating_add(backoff);
        self.next_probe.store(next, Ordering::Release);
    }
}

impl CallPermit<'_> {
    /// The server has answered.
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
            closed(breaker.messages, after);
            #[cfg(feature = "metrics")]
            metrics::gauge!("wythe_redis_up", "store" => breaker.messages.store).set(1.0);
        }
    }

    /// The server has not answered, or has answered with an error. Returns whether it is given up, now
    /// or already before.
    pub(super) fn failed(self, retry: &RetryPolicy, cause: &dyn fmt::Display) -> bool {
        let breaker = self.breaker;
        if self.probe {
            breaker.back_off(retry);
            return true;
        }
        let failures = breaker.failures.fetch_add(1, Ordering::AcqRel);
        if failures.saturating_add(1) < retry.failures || breaker.is_open() {
            return false;
        }
        // The times first, so that every thread that sees it open sees until when. If two come here
        // at once, the one that opens it logs.
        breaker.opened_at.store(breaker.now(), Ordering::Relaxed);
        breaker.back_off(retry);
        if breaker.open.swap(true, Ordering::AcqRel) {
            return false;
        }
        breaker.times_opened.fetch_add(1, Ordering::Relaxed);
        opened(breaker.messages, failures.saturating_add(1), cause);
        #[cfg(feature = "metrics")]
        {
            let store = breaker.messages.store;
            metrics::counter!("wythe_redis_outages_total", "store" => store).increment(1);
            metrics::gauge!("wythe_redis_up", "store" => store).set(0.0);
        }
        true
    }
}

impl Drop for CallPermit<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.probing.store(false, Ordering::Release);
        }
    }
}

#[cfg(feature = "tracing")]
fn opened(messages: &LogMessages, failures: u32, cause: &dyn fmt::Display) {
    tracing::warn!(target: "wythe", failures, cause = %cause, "{}", messages.opened);
}

#[cfg(feature = "tracing")]
fn closed(messages: &LogMessages, after: Duration) {
    tracing::info!(target: "wythe", ?after, "{}", messages.closed);
}

#[cfg(not(feature = "tracing"))]
fn opened(messages: &LogMessages, failures: u32, cause: &dyn fmt::Display) {
    let _ = (messages.opened, failures, cause);
}

#[cfg(not(feature = "tracing"))]
const fn closed(messages: &LogMessages, _: Duration) {
    let _ = messages.closed;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::LogMessages, Breaker, RetryPolicy};

    static MESSAGES: LogMessages = LogMessages {
        store: "test",
        policy: "Test",
        opened: "given up",
        closed: "back",
    };

    const NO_BACKOFF: RetryPolicy = RetryPolicy {
        failures: 3,
        initial_backoff: Duration::ZERO,
        max_backoff: Duration::ZERO,
    };
    const LONG_BACKOFF: RetryPolicy = RetryPolicy {
        failures: 3,
        initial_backoff: Duration::from_secs(3_600),
        max_backoff: Duration::from_secs(3_600),
    };

    fn open(breaker: &Breaker, retry: &RetryPolicy) {
        for n in 1..=3 {
            let gives_up = breaker.permit().unwrap().failed(retry, &"no");
            assert_eq!(gives_up, n == 3);
        }
        assert!(breaker.is_open());
    }

    #[test]
    fn opens_after_failures_in_a_row() {
        let breaker = Breaker::new(&MESSAGES);
        for _ in 0..5 {
            for _ in 0..2 {
                breaker.permit().unwrap().failed(&NO_BACKOFF, &"no");
            }
            breaker.permit().unwrap().answered();
        }
        assert!(!breaker.is_open());
        open(&breaker, &NO_BACKOFF);
    }

    #[test]
    fn no_request_asks_during_the_backoff() {
        let breaker = Breaker::new(&MESSAGES);
        open(&breaker, &LONG_BACKOFF);
        assert!(breaker.permit().is_none());
        let left = breaker.until_probe().unwrap();
        assert!((2_600..4_600).contains(&left.as_secs()), "{left:?}");
    }

    #[test]
    fn one_request_probes_at_a_time_and_its_answer_closes() {
        let breaker = Breaker::new(&MESSAGES);
        open(&breaker, &NO_BACKOFF);
        let probe = breaker.permit().unwrap();
        assert!(breaker.permit().is_none());
        assert!(probe.failed(&NO_BACKOFF, &"no"));
        // A probe that is dropped makes room for another.
        drop(breaker.permit().unwrap());
        breaker.permit().unwrap().answered();
        assert!(!breaker.is_open());
        assert_eq!(breaker.times_opened(), 1);
    }

    #[test]
    fn late_outcomes_from_before_it_opened_change_nothing() {
        let breaker = Breaker::new(&MESSAGES);
        let late = [breaker.permit().unwrap(), breaker.permit().unwrap()];
        open(&breaker, &LONG_BACKOFF);
        let [first, second] = late;
        first.answered();
        assert!(!second.failed(&LONG_BACKOFF, &"no"));
        assert!(breaker.is_open() && breaker.permit().is_none());
        assert_eq!(breaker.times_opened(), 1);
    }

    #[test]
    fn backoff_grows_up_to_the_longest() {
        let breaker = Breaker::new(&MESSAGES);
        let retry = RetryPolicy {
            failures: 1,
            initial_backoff: Duration::from_secs(100),
            max_backoff: Duration::from_secs(1_000),
        };
        for (low, high) in [
            (74, 126),
            (149, 251),
            (299, 501),
            (599, 1_001),
            (749, 1_251),
        ] {
            breaker.back_off(&retry);
            let left = breaker.until_probe().unwrap().as_secs();
            assert!((low..high).contains(&left), "{left}");
        }
    }
}
