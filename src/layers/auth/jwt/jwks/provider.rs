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
use http::Uri;
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    documents::{UsableKeys, jwks_uri},
    error::{JwksError, JwksStatus},
    options::{JwksOptions, Location, PlainHttp, is_plain},
    single_flight::{Decision, InFlight, SingleFlight, Trigger},
    snapshot::{Age, Snapshot},
    transport::{Fetched, HttpsTransport, Transport},
};
use crate::{
    layers::auth::jwt::{
        jws::{CompactJws, JoseHeader},
        refusal::{JwtRefusal, KeyFetch, NotVerified},
    },
    wire::ConfigError,
};

/// In place of a time: a fetch is in progress.
const NEVER: u64 = u64::MAX;

pub(super) struct ProviderKeys {
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
    pub(super) fn verify(
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

    /// The keys, if there are usable ones. If they are not fresh, a fetch begins.
    pub(super) fn usable(self: &Arc<Self>) -> Option<Guard<Arc<Snapshot>>> {
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
                self.due.store(NEVER, Ordering::Release);
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
        let JwksOptions {
            location,
            plain_http,
            ..
        } = &self.options;
        let created = match (is_plain(location.uri()), location, plain_http) {
            (false, ..) => HttpsTransport::new()?,
            // Its metadata may lead to an `https` address.
            (true, Location::Issuer { .. }, PlainHttp::Everywhere) => {
                HttpsTransport::new().or_else(|_no_roots| HttpsTransport::without_roots())?
            }
            (true, ..) => HttpsTransport::without_roots()?,
        };
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

    /// Fetches a key set within the timeout, and how long it is fresh. The metadata of an issuer is
    /// fetched each time, because the address may change.
    async fn fetch(&self) -> Result<(UsableKeys, Duration), JwksError> {
        let options = &self.options;
        let transport = self
            .transport()
            .map_err(|error| JwksError::Transport(Arc::new(error)))?;
        let transport = transport.as_ref();
        let key_set = async {
            match &options.location {
                Location::Keys(uri) => document(options, transport, uri).await,
                Location::Issuer { name, metadata } => {
                    let fetched = document(options, transport, metadata).await?;
                    let plain_http = options.plain_http;
                    let uri = jwks_uri(&fetched.body, name, metadata, plain_http)?;
                    document(options, transport, &uri).await
                }
            }
        };
        let fetched = timeout(options.timeout, key_set).await;
        let fetched = fetched.map_err(|_elapsed| JwksError::TimedOut(options.timeout))??;
        let keys = UsableKeys::parse(&fetched.body, &options.algorithms)?;
        Ok((keys, options.freshness(fetched.max_age)))
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
        #[cfg(feature = "metrics")]
        self.count_fetch(true);
        #[cfg(feature = "tracing")]
        {
            let keys = self.options.location.shown();
            if let Some(failure) = failure {
                let after = now.saturating_sub(failure.since);
                let failures = failure.count;
                tracing::info!(target: "wythe", keys, failures, ?after, "fetching keys succeeded again");
            }
            if secret > 0 {
                let message = "the key set contains secret keys, which are not used";
                tracing::warn!(target: "wythe", keys, secret, "{message}");
            }
        }
        #[cfg(not(feature = "tracing"))]
        drop((failure, secret));
    }

    #[cfg(feature = "metrics")]
    fn count_fetch(&self, succeeded: bool) {
        use std::time::SystemTime;

        let keys = self.options.location.shown();
        let outcome = if succeeded { "success" } else { "failure" };
        metrics::counter!("wythe_jwks_fetches_total", "keys" => keys.clone(), "outcome" => outcome)
            .increment(1);
        if succeeded && let Ok(now) = SystemTime::UNIX_EPOCH.elapsed() {
            metrics::gauge!("wythe_jwks_last_success_timestamp_seconds", "keys" => keys)
                .set(now.as_secs_f64());
        }
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
        #[cfg(feature = "metrics")]
        self.count_fetch(false);
        #[cfg(feature = "tracing")]
        {
            let usable = self.snapshot.load().age(now, &self.options) != Age::Expired;
            let backoff = failure.until.saturating_sub(now);
            let (keys, failures) = (self.options.location.shown(), failure.count);
            let (cause, message) = (&failure.error, "fetching keys failed");
            tracing::warn!(target: "wythe", keys, failures, %cause, ?backoff, usable, "{message}");
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(NEVER)
}

async fn document(
    options: &JwksOptions,
    transport: &dyn Transport,
    uri: &Uri,
) -> Result<Fetched, JwksError> {
    let most = options.max_length;
    let fetched = transport.fetch(uri, most).await;
    let fetched = fetched.map_err(JwksError::of_transport)?;
    if fetched.body.len() > most {
        return Err(JwksError::TooLong(most));
    }
    Ok(fetched)
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
