//! What all clones of a `Jwks` share: the keys, and the one fetch at a time.

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use arc_swap::{ArcSwap, Guard};
use tokio::{runtime::Handle, sync::watch, time::Instant};

use super::{
    HttpsTransport, JwksError, JwksStatus,
    control::{Control, Decision, Flight, Why},
    fetch, location, log,
    set::Set,
    settings::Settings,
    snapshot::{Age, Snapshot},
    transport::Transport,
};
use crate::wire::ConfigError;

/// No time: a fetch is under way.
const NEVER: u64 = u64::MAX;

pub(super) struct Shared {
    pub(super) settings: Settings,
    transport: OnceLock<Arc<dyn Transport>>,
    snapshot: ArcSwap<Snapshot>,
    /// Whether the last fetch has failed.
    failing: AtomicBool,
    /// From when on keys that are not fresh are fetched again, in nanoseconds since `born`. While
    /// they are stale, requests look only here and take no lock.
    due: AtomicU64,
    born: Instant,
    control: Mutex<Control>,
}

/// What becomes of a wish for keys; what is to be started, is.
pub(super) enum Wish {
    Wait(Flight),
    Recent,
    Failed(JwksError),
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            transport: OnceLock::new(),
            snapshot: ArcSwap::from_pointee(Snapshot::none()),
            failing: AtomicBool::new(false),
            due: AtomicU64::new(0),
            born: Instant::now(),
            control: Mutex::default(),
        }
    }

    /// What fetches. The default is made once, when it is known that it is needed.
    pub(super) fn transport(&self) -> Result<&Arc<dyn Transport>, ConfigError> {
        if let Some(transport) = self
            .settings
            .transport
            .as_ref()
            .or_else(|| self.transport.get())
        {
            return Ok(transport);
        }
        let made = if location::is_plain(self.settings.location.uri()) {
            HttpsTransport::without_roots()?
        } else {
            HttpsTransport::new()?
        };
        Ok(self.transport.get_or_init(|| Arc::new(made)))
    }

    /// The keys, if there are any that may be used. If they are not fresh, a fetch begins.
    pub(super) fn keys(self: &Arc<Self>) -> Option<Guard<Arc<Snapshot>>> {
        let snapshot = self.snapshot.load();
        let now = Instant::now();
        match snapshot.age(now, &self.settings) {
            Age::Fresh => Some(snapshot),
            Age::Gone => None,
            Age::Old if !self.failing.load(Ordering::Acquire) => None,
            Age::Stale | Age::Old => {
                if self.since_birth(now) >= self.due.load(Ordering::Acquire) {
                    // Nobody waits for it; whether it begins, others will see.
                    drop(self.wish(Why::Age));
                }
                Some(snapshot)
            }
        }
    }

    /// Whether there are keys that need not be fetched.
    pub(super) fn is_fresh(&self) -> bool {
        let snapshot = self.snapshot.load();
        snapshot.age(Instant::now(), &self.settings) == Age::Fresh
    }

    /// The keys, however old they are.
    pub(super) fn last_keys(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Why the last fetch has failed, if it has.
    pub(super) fn failure(&self) -> Option<JwksError> {
        let control = self.control();
        control
            .failure
            .as_ref()
            .map(|failure| failure.error.clone())
    }

    /// Asks for a fetch, unless one is under way.
    pub(super) fn wish(self: &Arc<Self>, why: Why) -> Wish {
        let now = Instant::now();
        let Ok(runtime) = Handle::try_current() else {
            return Wish::Failed(JwksError::NoRuntime);
        };
        // The lock is free again before the fetch begins: a runtime that is shutting down drops it
        // at once, and its end is noted in there.
        let decision = self.control().decide(why, now, self.settings.cooldown);
        match decision {
            Decision::Join(flight) => Wish::Wait(flight),
            Decision::Recent => Wish::Recent,
            Decision::Failed(error) => Wish::Failed(error),
            Decision::Start(flight, sender) => {
                self.due.store(NEVER, Ordering::Release);
                let landing = Landing {
                    shared: Arc::clone(self),
                    sender,
                    landed: false,
                };
                // Not by the request that asked: its client may go away.
                runtime.spawn(landing.fetch());
                Wish::Wait(flight)
            }
        }
    }

    pub(super) fn status(&self) -> JwksStatus {
        let snapshot = self.snapshot.load();
        let now = Instant::now();
        let control = self.control();
        let failure = control.failure.as_ref();
        JwksStatus {
            keys: snapshot.known.len(),
            skipped: snapshot.skipped.total(),
            age: snapshot.fetched.map(|at| now.saturating_duration_since(at)),
            is_usable: snapshot.age(now, &self.settings) != Age::Gone,
            fetches: control.fetches,
            failures: failure.map_or(0, |failure| failure.count),
            last_failure: failure.map(|failure| failure.error.clone()),
        }
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn since_birth(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.born).as_nanos();
        u64::try_from(since).unwrap_or(NEVER)
    }

    fn succeeded(&self, set: Set, fresh_for: std::time::Duration) {
        let now = Instant::now();
        let snapshot = self.snapshot.load().replaced_by(set, fresh_for, now);
        let skipped = snapshot.skipped;
        self.snapshot.store(Arc::new(snapshot));
        let mut control = self.control();
        let before = control.succeeded(now);
        self.failing.store(false, Ordering::Release);
        self.due.store(0, Ordering::Release);
        drop(control);
        log::succeeded(&self.settings, skipped, before.as_ref(), now);
    }

    fn failed(&self, error: JwksError) {
        let now = Instant::now();
        let mut control = self.control();
        let failure = control.failed(error, now).clone();
        self.failing.store(true, Ordering::Release);
        self.due
            .store(self.since_birth(failure.until), Ordering::Release);
        // Whoever subscribes to the log may ask for the status.
        drop(control);
        let usable = self.snapshot.load().age(now, &self.settings) != Age::Gone;
        log::failed(&self.settings, &failure, usable, now);
    }
}

/// A fetch that is under way. However it ends, those who wait learn of it.
struct Landing {
    shared: Arc<Shared>,
    sender: watch::Sender<Option<Result<(), JwksError>>>,
    landed: bool,
}

impl Landing {
    async fn fetch(mut self) {
        let fetched = fetch::fetch(&self.shared).await;
        let outcome = match fetched {
            Ok((set, fresh_for)) => {
                self.shared.succeeded(set, fresh_for);
                Ok(())
            }
            Err(error) => {
                self.shared.failed(error.clone());
                Err(error)
            }
        };
        self.landed = true;
        self.sender.send_replace(Some(outcome));
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.landed {
            self.shared.failed(JwksError::Interrupted);
            self.sender.send_replace(Some(Err(JwksError::Interrupted)));
        }
    }
}
