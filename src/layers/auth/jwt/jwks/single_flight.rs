//! Decides when keys are fetched: one fetch at a time, and none too soon after another.

use std::time::Duration;

use tokio::sync::watch;

use super::error::JwksError;
use crate::support::backoff;

const INITIAL_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(60);

type Outcome = Result<(), JwksError>;

/// The state of fetching, behind a lock that is held briefly, and not taken while keys are fresh.
#[derive(Default)]
pub(super) struct SingleFlight {
    in_flight: Option<InFlight>,
    /// When the last fetch ended.
    ended: Option<Duration>,
    pub(super) failure: Option<Failure>,
    pub(super) fetches: u64,
}

/// The failures since the last success.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) error: JwksError,
    pub(super) count: u32,
    pub(super) since: Duration,
    /// When the next attempt is allowed.
    pub(super) until: Duration,
}

/// Why keys are fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// There are none, or they are not fresh.
    Age,
    /// A token names a key that is missing.
    UnknownKey,
}

/// Whether to fetch.
pub(super) enum Decision {
    /// A fetch is in progress: wait for it.
    Join(InFlight),
    /// Fetch, and send the outcome.
    Start(InFlight, watch::Sender<Option<Outcome>>),
    /// They have just been fetched.
    Recent,
    /// The last fetch failed, and the next is not due.
    Failed(JwksError),
}

impl SingleFlight {
    pub(super) fn decide(
        &mut self,
        trigger: Trigger,
        now: Duration,
        cooldown: Duration,
    ) -> Decision {
        if let Some(in_flight) = &self.in_flight {
            return Decision::Join(in_flight.clone());
        }
        let cooling_down = trigger == Trigger::UnknownKey
            && self
                .ended
                .is_some_and(|ended| now.saturating_sub(ended) < cooldown);
        match &self.failure {
            Some(failure) if cooling_down || now < failure.until => {
                return Decision::Failed(failure.error.clone());
            }
            None if cooling_down => return Decision::Recent,
            Some(_) | None => {}
        }
        let (sender, receiver) = watch::channel(None);
        let in_flight = InFlight(receiver);
        self.in_flight = Some(in_flight.clone());
        self.fetches = self.fetches.saturating_add(1);
        Decision::Start(in_flight, sender)
    }

    /// Records a success; returns the failures before it, if there were any.
    pub(super) fn succeeded(&mut self, now: Duration) -> Option<Failure> {
        self.in_flight = None;
        self.ended = Some(now);
        self.failure.take()
    }

    /// Records a failure. The backoff grows, with jitter.
    pub(super) fn failed(&mut self, error: JwksError, now: Duration) -> &Failure {
        self.in_flight = None;
        self.ended = Some(now);
        let (before, since) = self
            .failure
            .take()
            .map_or((0, now), |failure| (failure.count, failure.since));
        let backoff = backoff::exponential(INITIAL_BACKOFF, before, MAX_BACKOFF);
        self.failure.insert(Failure {
            error,
            count: before.saturating_add(1),
            since,
            until: now.saturating_add(backoff),
        })
    }
}

/// A fetch in progress.
#[derive(Clone)]
pub(super) struct InFlight(watch::Receiver<Option<Outcome>>);

impl InFlight {
    /// Waits for its outcome.
    pub(super) async fn outcome(mut self) -> Outcome {
        let outcome = self.0.wait_for(Option::is_some).await;
        let outcome = outcome.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or(Err(JwksError::Interrupted))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Decision, SingleFlight, Trigger};
    use crate::layers::auth::jwt::jwks::error::JwksError;

    const COOLDOWN: Duration = Duration::from_secs(30);

    fn decided(state: &mut SingleFlight, trigger: Trigger, now: Duration) -> &'static str {
        match state.decide(trigger, now, COOLDOWN) {
            Decision::Join(_) => "join",
            Decision::Start(..) => "start",
            Decision::Recent => "recent",
            Decision::Failed(_) => "failed",
        }
    }

    #[test]
    fn runs_one_fetch_at_a_time_and_waits_for_the_cooldown() {
        let (mut state, start) = (SingleFlight::default(), Duration::ZERO);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(decided(&mut state, Trigger::UnknownKey, at(0)), "start");
        assert_eq!(decided(&mut state, Trigger::UnknownKey, at(1)), "join");
        assert_eq!(decided(&mut state, Trigger::Age, at(1)), "join");
        assert!(state.succeeded(at(2)).is_none());
        assert_eq!(decided(&mut state, Trigger::UnknownKey, at(31)), "recent");
        assert_eq!(decided(&mut state, Trigger::UnknownKey, at(32)), "start");
        state.succeeded(at(32));
        assert_eq!(decided(&mut state, Trigger::Age, at(33)), "start");
    }

    #[test]
    fn backs_off_after_failures() {
        let (mut state, start) = (SingleFlight::default(), Duration::ZERO);
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(decided(&mut state, Trigger::Age, at(0)), "start");
        assert_eq!(state.failed(JwksError::Issuer, at(0)).count, 1);
        assert_eq!(decided(&mut state, Trigger::Age, at(700)), "failed");
        assert_eq!(
            decided(&mut state, Trigger::UnknownKey, at(1_300)),
            "failed"
        );
        assert_eq!(decided(&mut state, Trigger::Age, at(1_300)), "start");
        assert_eq!(state.failed(JwksError::Issuer, at(1_300)).count, 2);
        assert_eq!(decided(&mut state, Trigger::Age, at(2_700)), "failed");
        assert_eq!(decided(&mut state, Trigger::Age, at(3_900)), "start");
        let before = state.succeeded(at(3_900)).unwrap();
        assert_eq!((before.count, before.since), (2, start));
        assert_eq!(
            decided(&mut state, Trigger::UnknownKey, at(3_901)),
            "recent"
        );
    }
}
