//! Decides when keys are fetched: one fetch at a time, and never one too soon after another.

use std::time::Duration;

use tokio::{sync::watch, time::Instant};

use super::JwksError;
use crate::support::backoff;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

type Outcome = Result<(), JwksError>;

/// What is known of the fetches so far. It lies behind a lock that is held for moments, and not
/// taken while keys are fresh.
#[derive(Default)]
pub(super) struct Control {
    flight: Option<Flight>,
    /// When the last fetch ended.
    ended: Option<Instant>,
    pub(super) failure: Option<Failure>,
    pub(super) fetches: u64,
}

/// The failures since the last success.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) error: JwksError,
    pub(super) count: u32,
    pub(super) since: Instant,
    /// Until when there is no other try.
    pub(super) until: Instant,
}

/// Why keys are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// There are none, or they are not fresh.
    Age,
    /// A token names one that is not there.
    UnknownKey,
}

/// What becomes of a wish for keys.
pub(super) enum Decision {
    /// A fetch is under way: wait for it.
    Join(Flight),
    /// Fetch, and tell the others.
    Start(Flight, watch::Sender<Option<Outcome>>),
    /// They were fetched a moment ago.
    Recent,
    /// The last fetch has failed, and the next is not due.
    Failed(JwksError),
}

impl Control {
    pub(super) fn decide(&mut self, why: Why, now: Instant, cooldown: Duration) -> Decision {
        if let Some(flight) = &self.flight {
            return Decision::Join(flight.clone());
        }
        let cooling = why == Why::UnknownKey
            && self
                .ended
                .is_some_and(|ended| now.saturating_duration_since(ended) < cooldown);
        match &self.failure {
            Some(failure) if cooling || now < failure.until => {
                return Decision::Failed(failure.error.clone());
            }
            None if cooling => return Decision::Recent,
            Some(_) | None => {}
        }
        let (sender, receiver) = watch::channel(None);
        let flight = Flight(receiver);
        self.flight = Some(flight.clone());
        self.fetches = self.fetches.saturating_add(1);
        Decision::Start(flight, sender)
    }

    /// Notes that the fetch has succeeded; returns the failures before, if there were any.
    pub(super) fn succeeded(&mut self, now: Instant) -> Option<Failure> {
        self.flight = None;
        self.ended = Some(now);
        self.failure.take()
    }

    /// Notes that the fetch has failed. The pauses grow, and differ between instances.
    pub(super) fn failed(&mut self, error: JwksError, now: Instant) -> &Failure {
        self.flight = None;
        self.ended = Some(now);
        let (before, since) = self
            .failure
            .take()
            .map_or((0, now), |failure| (failure.count, failure.since));
        let pause = backoff::growing(FIRST_PAUSE, before, LONGEST_PAUSE);
        self.failure.insert(Failure {
            error,
            count: before.saturating_add(1),
            since,
            until: now.checked_add(pause).unwrap_or(now),
        })
    }
}

/// A fetch that is under way.
#[derive(Clone)]
pub(super) struct Flight(watch::Receiver<Option<Outcome>>);

impl Flight {
    /// Waits until it has ended.
    pub(super) async fn landed(mut self) -> Outcome {
        let outcome = self.0.wait_for(Option::is_some).await;
        let outcome = outcome.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or(Err(JwksError::Interrupted))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Control, Decision, Why};
    use crate::layers::auth::jwt::jwks::JwksError;

    const COOLDOWN: Duration = Duration::from_secs(30);

    fn decided(control: &mut Control, why: Why, now: Instant) -> &'static str {
        match control.decide(why, now, COOLDOWN) {
            Decision::Join(_) => "join",
            Decision::Start(..) => "start",
            Decision::Recent => "recent",
            Decision::Failed(_) => "failed",
        }
    }

    #[test]
    fn fetches_once_at_a_time_and_unknown_keys_after_the_cooldown() {
        let (mut control, start) = (Control::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(decided(&mut control, Why::UnknownKey, at(0)), "start");
        assert_eq!(decided(&mut control, Why::UnknownKey, at(1)), "join");
        assert_eq!(decided(&mut control, Why::Age, at(1)), "join");
        assert!(control.succeeded(at(2)).is_none());
        assert_eq!(decided(&mut control, Why::UnknownKey, at(31)), "recent");
        assert_eq!(decided(&mut control, Why::UnknownKey, at(32)), "start");
        control.succeeded(at(32));
        assert_eq!(decided(&mut control, Why::Age, at(33)), "start");
    }

    #[test]
    fn pauses_after_failures_and_cools_down_besides() {
        let (mut control, start) = (Control::default(), Instant::now());
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(decided(&mut control, Why::Age, at(0)), "start");
        assert_eq!(control.failed(JwksError::Issuer, at(0)).count, 1);
        assert_eq!(decided(&mut control, Why::Age, at(700)), "failed");
        assert_eq!(decided(&mut control, Why::UnknownKey, at(1_300)), "failed");
        assert_eq!(decided(&mut control, Why::Age, at(1_300)), "start");
        assert_eq!(control.failed(JwksError::Issuer, at(1_300)).count, 2);
        assert_eq!(decided(&mut control, Why::Age, at(2_700)), "failed");
        assert_eq!(decided(&mut control, Why::Age, at(3_900)), "start");
        let before = control.succeeded(at(3_900)).unwrap();
        assert_eq!((before.count, before.since), (2, start));
        assert_eq!(decided(&mut control, Why::UnknownKey, at(3_901)), "recent");
    }
}
