//! The keys of an identity provider, shared by all clones of a [`Jwks`](super::Jwks): verifies tokens
//! with them, and fetches them again when they are stale or a key is missing.

use std::{
    future::ready,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use tokio::{runtime::Handle, sync::watch, time::Instant};

use super::{
    documents::{KeyIdentity, SkippedKeys, UsableKeys},
    error::{JwksError, JwksStatus, report_failure, report_success},
    options::JwksOptions,
    single_flight::{Decision, InFlight, SingleFlight, Trigger},
    transport::Transport,
};
use crate::{
    layers::auth::jwt::{
        jws::{CompactJws, JoseHeader},
        keys::KeySet,
        refusal::{JwtRefusal, KeyFetch, NotVerified},
    },
    wire::ConfigError,
};

/// In place of a time: a fetch is in progress.
const IN_PROGRESS: u64 = u64::MAX;

/// The keys of a provider, and how they are fetched.
pub(in crate::layers::auth::jwt) struct ProviderKeys {
    pub(super) options: JwksOptions,
    default_transport: OnceLock<Arc<dyn Transport>>,
    snapshot: ArcSwap<Snapshot>,
    /// Whether the last fetch failed.
    failing: AtomicBool,
    /// When stale keys are fetched again, in nanoseconds of the clock. While they are stale, requests
    /// read only this and take no lock.
    due: AtomicU64,
    created: Instant,
    single_flight: Mutex<SingleFlight>,
}

/// The outcome of asking for a fetch, which has begun if it may.
pub(super) enum Refresh {
    InProgress(InFlight),
    JustFetched,
    Failed(JwksError),
}

impl ProviderKeys {
    pub(super) fn new(options: JwksOptions) -> Self {
        Self {
            options,
            default_transport: OnceLock::new(),
            snapshot: ArcSwap::from_pointee(Snapshot::none()),
            failing: AtomicBool::new(false),
            due: AtomicU64::new(0),
            created: Instant::now(),
            single_flight: Mutex::default(),
        }
    }

    /// Verifies the signature with the key that the header names. After a fetch, no other follows.
    pub(in crate::layers::auth::jwt) fn verify(
        self: &Arc<Self>,
        token: &CompactJws<'_>,
        header: &JoseHeader<'_>,
        after_fetch: bool,
    ) -> Result<(), NotVerified> {
        // No fetch brings a key for it.
        if !self.options.allows(&header.alg) {
            return Err(JwtRefusal::Key.into());
        }
        let Some(snapshot) = self.usable() else {
            return Err(NotVerified::NeedsKeys(self.wait_for_usable(after_fetch)));
        };
        let Err(reason) = snapshot.keys.verify(token, header) else {
            return Ok(());
        };
        if !snapshot.may_lack_key_of(header) {
            return Err(reason.into());
        }
        if after_fetch {
            // While fetches fail, it is unknown whether the token is valid.
            return Err(self.failure().map_or(NotVerified::Refused(reason), failed));
        }
        match self.refresh(Trigger::UnknownKey) {
            Refresh::InProgress(fetch) => Err(NotVerified::NeedsKeys(Box::pin(async move {
                fetch.outcome().await.map_err(Into::into)
            }))),
            Refresh::Failed(error) => Err(failed(error)),
            Refresh::JustFetched => {
                // The key may have been fetched since the snapshot was loaded.
                let newer = self.snapshot.load();
                if Arc::ptr_eq(&newer, &snapshot) {
                    return Err(reason.into());
                }
                let verified = newer.keys.verify(token, header);
                verified.map_err(NotVerified::Refused)
            }
        }
    }

    /// Waits for usable keys. If a fetch fails, old ones are used as long as they are kept.
    fn wait_for_usable(self: &Arc<Self>, after_fetch: bool) -> KeyFetch {
        if after_fetch {
            let error = self.failure().unwrap_or(JwksError::Interrupted);
            return Box::pin(ready(Err(error.into())));
        }
        let (keys, refresh) = (Arc::clone(self), self.refresh(Trigger::Age));
        Box::pin(async move {
            match refresh.outcome().await {
                Err(_) if keys.usable().is_some() => Ok(()),
                outcome => outcome.map_err(Into::into),
            }
        })
    }

    /// A number that changes when a key is removed or replaced; none, while there are no usable keys.
    /// If they are not fresh, a fetch begins.
    pub(in crate::layers::auth::jwt) fn generation(self: &Arc<Self>) -> Option<u64> {
        self.usable().map(|snapshot| snapshot.generation)
    }

    /// The keys, if there are usable ones. If they are not fresh, a fetch begins.
    fn usable(self: &Arc<Self>) -> Option<Guard<Arc<Snapshot>>> {
        let snapshot = self.snapshot.load();
        let now = self.now();
        match snapshot.age(now, &self.options) {
            Age::Fresh => Some(snapshot),
            Age::Expired => None,
            Age::Old if !self.failing.load(Ordering::Acquire) => None,
            Age::Stale | Age::Old => {
                if nanoseconds(now) >= self.due.load(Ordering::Acquire) {
                    // In the background: this request goes on with the old keys.
                    drop(self.refresh(Trigger::Age));
                }
                Some(snapshot)
            }
        }
    }

    pub(super) fn is_fresh(&self) -> bool {
        let snapshot = self.snapshot.load();
        snapshot.age(self.now(), &self.options) == Age::Fresh
    }

    /// Begins a fetch, unless one is in progress or none is due.
    pub(super) fn refresh(self: &Arc<Self>, trigger: Trigger) -> Refresh {
        let now = self.now();
        let Ok(runtime) = Handle::try_current() else {
            return Refresh::Failed(JwksError::NoRuntime);
        };
        // The lock is released before the fetch begins: a runtime that is shutting down drops the
        // task at once, which takes the lock to record its failure.
        let decision = {
            let mut state = self.lock();
            // The fetch of another request may have ended since this one found the keys old.
            if trigger == Trigger::Age && self.is_fresh() {
                Decision::Recent
            } else {
                state.decide(trigger, now, self.options.cooldown)
            }
        };
        match decision {
            Decision::Join(in_flight) => Refresh::InProgress(in_flight),
            Decision::Recent => Refresh::JustFetched,
            Decision::Failed(error) => Refresh::Failed(error),
            Decision::Start(in_flight, sender) => {
                self.due.store(IN_PROGRESS, Ordering::Release);
                let task = FetchTask {
                    keys: Arc::clone(self),
                    sender,
                    is_done: false,
                };
                // In a task of its own, because the client of this request may disconnect.
                runtime.spawn(task.run());
                Refresh::InProgress(in_flight)
            }
        }
    }

    /// The transport. The default one is created once it is needed.
    pub(super) fn transport(&self) -> Result<&Arc<dyn Transport>, ConfigError> {
        let configured = self.options.transport.as_ref();
        if let Some(transport) = configured.or_else(|| self.default_transport.get()) {
            return Ok(transport);
        }
        let created = self.options.default_transport()?;
        Ok(self.default_transport.get_or_init(|| Arc::new(created)))
    }

    pub(super) fn status(&self) -> JwksStatus {
        let snapshot = self.snapshot.load();
        let now = self.now();
        let state = self.lock();
        let failure = state.failure.as_ref();
        JwksStatus {
            keys: snapshot.identities.len(),
            skipped: snapshot.skipped.total(),
            age: snapshot.fetched.map(|at| now.saturating_sub(at)),
            is_usable: snapshot.age(now, &self.options) != Age::Expired,
            fetches: state.fetches,
            failures: failure.map_or(0, |failure| failure.count),
            last_failure: failure.map(|failure| failure.error.clone()),
        }
    }

    /// The error of the last fetch, if it failed.
    fn failure(&self) -> Option<JwksError> {
        let state = self.lock();
        state.failure.as_ref().map(|failure| failure.error.clone())
    }

    fn lock(&self) -> MutexGuard<'_, SingleFlight> {
        let lock = self.single_flight.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, which never goes back.
    fn now(&self) -> Duration {
        match &self.options.clock {
            Some(clock) => clock.monotonic(),
            None => self.created.elapsed(),
        }
    }

    async fn fetch(&self) -> Result<(UsableKeys, Duration), JwksError> {
        let transport = self
            .transport()
            .map_err(|error| JwksError::Transport(Arc::new(error)))?;
        UsableKeys::fetch(&self.options, transport.as_ref()).await
    }

    fn succeeded(&self, fetched: UsableKeys, fresh_for: Duration) {
        let now = self.now();
        let snapshot = self.snapshot.load().replaced_by(fetched, fresh_for, now);
        let secret = snapshot.skipped.secret;
        self.snapshot.store(Arc::new(snapshot));
        let mut state = self.lock();
        let failure = state.succeeded(now);
        self.failing.store(false, Ordering::Release);
        self.due.store(0, Ordering::Release);
        // A subscriber of the log may ask for the status.
        drop(state);
        let failures = failure.map(|failure| (failure.count, now.saturating_sub(failure.since)));
        report_success(&self.options.location.shown(), failures, secret);
    }

    fn failed(&self, error: JwksError) {
        let now = self.now();
        let mut state = self.lock();
        let failure = state.failed(error, now).clone();
        self.failing.store(true, Ordering::Release);
        let due = nanoseconds(failure.until);
        self.due.store(due, Ordering::Release);
        // A subscriber of the log may ask for the status.
        drop(state);
        let usable = self.snapshot.load().age(now, &self.options) != Age::Expired;
        let backoff = failure.until.saturating_sub(now);
        let keys = self.options.location.shown();
        report_failure(&keys, &failure.error, failure.count, backoff, usable);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(IN_PROGRESS)
}

fn failed(error: JwksError) -> NotVerified {
    NotVerified::NeedsKeys(Box::pin(ready(Err(error.into()))))
}

impl Refresh {
    pub(super) async fn outcome(self) -> Result<(), JwksError> {
        match self {
            Self::InProgress(in_flight) => in_flight.outcome().await,
            Self::JustFetched => Ok(()),
            Self::Failed(error) => Err(error),
        }
    }
}

/// A fetch in progress. However it ends, those who wait for it get an outcome.
struct FetchTask {
    keys: Arc<ProviderKeys>,
    sender: watch::Sender<Option<Result<(), JwksError>>>,
    is_done: bool,
}

impl FetchTask {
    async fn run(mut self) {
        let outcome = match self.keys.fetch().await {
            Ok((fetched, fresh_for)) => {
                self.keys.succeeded(fetched, fresh_for);
                Ok(())
            }
            Err(error) => {
                self.keys.failed(error.clone());
                Err(error)
            }
        };
        self.is_done = true;
        self.sender.send_replace(Some(outcome));
    }
}

impl Drop for FetchTask {
    fn drop(&mut self) {
        if !self.is_done {
            self.keys.failed(JwksError::Interrupted);
            self.sender.send_replace(Some(Err(JwksError::Interrupted)));
        }
    }
}

/// The keys of one fetch; immutable.
struct Snapshot {
    keys: KeySet,
    identities: Vec<KeyIdentity>,
    skipped: SkippedKeys,
    /// Increases when a key was removed or changed.
    generation: u64,
    /// By a monotonic clock; none before the first fetch.
    fetched: Option<Duration>,
    fresh_for: Duration,
}

/// How old keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Fresh,
    /// Used while new ones are fetched.
    Stale,
    /// Not refreshed for a long time: used only if a fetch fails.
    Old,
    /// Never fetched, or too long ago to be used.
    Expired,
}

impl Snapshot {
    /// No keys yet.
    const fn none() -> Self {
        Self {
            keys: KeySet::fetched(Vec::new()),
            identities: Vec::new(),
            skipped: SkippedKeys {
                secret: 0,
                other: 0,
            },
            generation: 0,
            fetched: None,
            fresh_for: Duration::ZERO,
        }
    }

    /// The keys that replace these.
    fn replaced_by(&self, fetched: UsableKeys, fresh_for: Duration, now: Duration) -> Self {
        let mut identities = self.identities.iter();
        let all_remain = identities.all(|identity| fetched.identities.contains(identity));
        Self {
            keys: KeySet::fetched(fetched.keys),
            identities: fetched.identities,
            skipped: fetched.skipped,
            generation: self.generation.wrapping_add(if all_remain { 0 } else { 1 }),
            fetched: Some(now),
            fresh_for,
        }
    }

    fn age(&self, now: Duration, options: &JwksOptions) -> Age {
        let Some(fetched) = self.fetched else {
            return Age::Expired;
        };
        let age = now.saturating_sub(fetched);
        if age < self.fresh_for {
            Age::Fresh
        } else if age >= self.fresh_for.saturating_add(options.keep_for) {
            Age::Expired
        } else if age < self.fresh_for.saturating_mul(2) {
            Age::Stale
        } else {
            Age::Old
        }
    }

    /// Whether a token that these keys do not verify may be signed with a newer key: it names none
    /// of them.
    fn may_lack_key_of(&self, header: &JoseHeader<'_>) -> bool {
        let id = header.kid.as_deref();
        id.is_none_or(|id| !self.keys.contains_id(id))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Age, Snapshot};
    use crate::layers::auth::jwt::jwks::{
        documents::UsableKeys,
        options::{JwksOptions, Location, PlainHttp},
    };

    const ED25519: &str =
        r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

    fn options() -> JwksOptions {
        let location = Location::keys("https://id.example.com", PlainHttp::Loopback);
        JwksOptions::new(location.unwrap(), PlainHttp::Loopback)
    }

    fn replace(snapshot: &Snapshot, ids: &[&str], now: Duration) -> Snapshot {
        let keys = ids
            .iter()
            .map(|id| format!(r#"{{"kid":"{id}",{ED25519}}}"#));
        let keys: Vec<_> = keys.collect();
        let body = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
        let fetched = UsableKeys::parse(body.as_bytes(), &options().algorithms).unwrap();
        snapshot.replaced_by(fetched, Duration::from_secs(600), now)
    }

    #[test]
    fn keys_age_to_the_second() {
        let mut options = options();
        options.keep_for = Duration::from_secs(3_600);
        let start = Duration::ZERO;
        assert_eq!(Snapshot::none().age(start, &options), Age::Expired);
        let snapshot = replace(&Snapshot::none(), &["a"], start);
        let cases = [
            (0, Age::Fresh),
            (599, Age::Fresh),
            (600, Age::Stale),
            (1_199, Age::Stale),
            (1_200, Age::Old),
            (4_199, Age::Old),
            (4_200, Age::Expired),
        ];
        for (seconds, age) in cases {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(snapshot.age(now, &options), age, "{seconds} s");
        }
        options.keep_for = Duration::ZERO;
        let now = start + Duration::from_secs(600);
        assert_eq!(snapshot.age(now, &options), Age::Expired);
        options.keep_for = Duration::MAX;
        let now = start + Duration::from_secs(100_000_000);
        assert_eq!(snapshot.age(now, &options), Age::Old);
    }

    #[test]
    fn the_generation_increases_only_when_a_key_is_removed() {
        let now = Duration::ZERO;
        let mut snapshot = Snapshot::none();
        let steps: [(&[&str], u64); 7] = [
            (&["a"], 0),
            (&["a"], 0),
            (&["a", "b"], 0),
            (&["b", "a"], 0),
            (&["b"], 1),
            (&["c"], 2),
            (&["c", "b"], 2),
        ];
        for (ids, generation) in steps {
            snapshot = replace(&snapshot, ids, now);
            assert_eq!(snapshot.generation, generation, "{ids:?}");
        }
    }
}
