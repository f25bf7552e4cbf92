//! The server that keeps the counts, and one limit in it: [`RedisStore`], [`RedisLimit`].

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use redis::aio::ConnectionLike;

use super::script::{MAX_UNTIL_FULL, Names};
use crate::{
    layers::rate_limit::{
        gcra::Gcra,
        plan::PlanChoice,
        quota::{Quota, error},
    },
    support::redis::{Counter, LogMessages, RedisServer, server_settings},
    wire::ConfigError,
};

static MESSAGES: LogMessages = LogMessages {
    store: "rate_limit",
    policy: "RedisStore",
    opened: "the Redis server of rate limits does not answer; until it does, requests are handled \
             as `OnFailure` says",
    closed: "the Redis server of rate limits answers again",
};

/// Many times what a server needs, and less than clients notice.
const TIMEOUT: Duration = Duration::from_millis(50);

/// A Redis or Valkey server that keeps the counts of limits for many instances; see the
/// [module](super).
///
/// Create one per process and server: clones share the connection, the metrics, and the circuit
/// breaker. Each limit has a [name](Self::limit) in it.
#[derive(Clone)]
#[must_use]
pub struct RedisStore {
    pub(super) server: RedisServer,
    pub(super) counters: Arc<Counters>,
    /// The names of limits that are in use.
    names: Arc<Mutex<HashMap<String, Weak<()>>>>,
    pub(super) on_failure: OnFailure,
    prefix: Arc<str>,
    secret: Option<Arc<[u8]>>,
}

/// The counters that only limits have; the server has the others.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) leased: Counter,
    pub(super) undecided: Counter,
    pub(super) lost_charges: Counter,
}

impl RedisStore {
    /// Keeps the counts in the server at this URL, such as `redis://10.0.0.7:6379`. The connection is
    /// opened when it is first needed, and reopened when it breaks.
    ///
    /// The documentation of [redis] describes the URL: it can contain a user and password, a database,
    /// `?protocol=resp3`, and `rediss://` with one of its TLS features.
    ///
    /// # Errors
    ///
    /// If it is not such a URL. A server that does not answer is not an error here: [`OnFailure`]
    /// says what happens then.
    ///
    /// [redis]: https://docs.rs/redis/1/redis/#connection-parameters
    pub fn open(url: &str, on_failure: OnFailure) -> Result<Self, ConfigError> {
        let server = RedisServer::open(url, TIMEOUT, &MESSAGES)?;
        Ok(Self::with(server, on_failure))
    }

    /// Keeps the counts behind your own connection: a [`ConnectionManager`], a connection to a cluster
    /// (`redis::cluster_async::ClusterConnection`) or any other whose clones can be used concurrently.
    ///
    /// Whatever timeouts and retries it has, no request waits longer than [`timeout`](Self::timeout).
    /// Prefer [`open`](Self::open) if a URL is enough: a `MultiplexedConnection` does not reconnect,
    /// and a `ConnectionManager` may wait for seconds before it does, and never does after a wrong
    /// password.
    ///
    /// [`ConnectionManager`]: redis::aio::ConnectionManager
    pub fn new<C>(connection: C, on_failure: OnFailure) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::with(RedisServer::new(connection, TIMEOUT, &MESSAGES), on_failure)
    }

    fn with(server: RedisServer, on_failure: OnFailure) -> Self {
        Self {
            server,
            counters: Arc::default(),
            names: Arc::default(),
            on_failure,
            prefix: "wythe".into(),
            secret: None,
        }
    }

    server_settings!(prefix, "wythe", "50 ms");

    fn checked(self) -> Result<Self, ConfigError> {
        self.server.check(&self.prefix)?;
        Ok(self)
    }

    /// A secret that goes into the hashes of keys, the same for all instances.
    ///
    /// Without it, anyone who can read the database can find out whether a given address or user is in
    /// it, and can recover all IPv4 addresses, because there are few. Changing the secret starts new
    /// counts.
    ///
    /// # Errors
    ///
    /// If it is empty, such as the value of an unset environment variable.
    pub fn secret(mut self, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        if secret.is_empty() {
            return Err(self.server.refuse("the secret is empty"));
        }
        self.secret = Some(secret.into());
        Ok(self)
    }

    /// A limit whose counts are kept here under this name: the argument of
    /// [`RateLimit::in_redis`](crate::RateLimit::in_redis).
    ///
    /// Instances share the counts of a name, so each limit needs its own name.
    pub fn limit(&self, name: impl Into<String>) -> RedisLimit {
        RedisLimit {
            store: self.clone(),
            name: name.into(),
            lease: None,
        }
    }

    /// The counters since the store was created, for your metrics.
    #[must_use]
    pub fn metrics(&self) -> RedisMetrics {
        let stats = self.server.stats();
        let counters = &self.counters;
        RedisMetrics {
            round_trips: stats.round_trips,
            leased: counters.leased.read(),
            failures: stats.failures,
            timeouts: stats.timeouts,
            undecided: counters.undecided.read(),
            lost_charges: counters.lost_charges.read(),
            opened: stats.opened,
            is_open: stats.is_open,
        }
    }

    /// Reserves a name for as long as the returned value lives.
    fn claim(&self, name: &str) -> Result<Arc<()>, ConfigError> {
        self.server.check_name("name", name)?;
        let names = self.names.lock();
        let mut names = names.unwrap_or_else(PoisonError::into_inner);
        if names
            .get(name)
            .is_some_and(|claim| claim.strong_count() > 0)
        {
            return Err(self.server.refuse(format!(
                "another limit has the name {name:?}, and would share its counts: clone the layer \
                 or the `Limiter` to have one limit in several places, or choose another name"
            )));
        }
        let claim = Arc::new(());
        names.insert(name.to_owned(), Arc::downgrade(&claim));
        Ok(claim)
    }
}

/// Shows neither the URL nor the secret.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .field("on_failure", &self.on_failure)
            .field("timeout", &self.server.timeout)
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}

/// The counters of a store since it was created, all limits together; see [`RedisStore::metrics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisMetrics {
    /// Commands that were sent to the server. With leases there are fewer of them than requests.
    pub round_trips: u64,
    /// Requests that were decided from a lease, without a query to the server.
    pub leased: u64,
    /// Commands that failed: with an error, for lack of a connection, or because of the timeout.
    pub failures: u64,
    /// Commands that were not answered in time; also counted as failures.
    pub timeouts: u64,
    /// Requests that were handled according to [`OnFailure`].
    pub undecided: u64,
    /// Charges after the response that were lost because the server did not answer.
    pub lost_charges: u64,
    /// How often the circuit breaker opened.
    pub opened: u64,
    /// Whether the circuit breaker is open: use this for alerts.
    pub is_open: bool,
}

/// What happens to requests while the server does not answer. There is no default: only you know which
/// outcome is worse.
///
/// | | protects the handler | clients notice | for example for |
/// |---|---|---|---|
/// | `Deny` | yes | all of them: 503 | password guesses, operations that cost money |
/// | `Allow` | no | nobody | limits for fairness, where the handler survives any load |
/// | `Local` | roughly | those near their limit | everything else |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// Requests are answered with 503 of type
    /// `https://iana.org/assignments/http-problem-types#temporary-reduced-capacity` and
    /// `Retry-After`.
    Deny,
    /// Requests pass uncounted, without fields.
    Allow,
    /// Each instance counts in its own memory, by its share of every quota: rate and burst divided by
    /// the number of instances, but a burst of at least 1. The fields show the share.
    ///
    /// These counts start with full quotas when the server fails, so a client may get up to twice its
    /// quota around that moment; when the server is back, its own counts are unchanged.
    ///
    /// Each instance detects separately whether the server answers. While one counts locally and
    /// others reach the server, as when the server comes and goes, both count: the limit is then up to
    /// the whole quota of the server plus the shares of those that do not reach it. In tests of three
    /// instances that disagreed all the time, 1.2 to 1.44 times the quota passed. If a burst has fewer
    /// units than there are instances, each instance still lets one through. A request that costs more
    /// than the burst of the share is refused until the server is back.
    Local {
        /// The number of instances that share the limit. If there are more, they let more through in
        /// total.
        instances: NonZeroU32,
    },
}

/// A limit whose counts are kept in Redis; made by [`RedisStore::limit`].
#[derive(Clone)]
#[must_use]
pub struct RedisLimit {
    store: RedisStore,
    name: String,
    lease: Option<(u32, Duration)>,
}

impl RedisLimit {
    /// Takes `batch` units from the server at once and spends them without a query, for at most `ttl`:
    /// see [leases](super#leases). The server is queried about once for `batch` requests of a key; in
    /// exchange, each instance may let up to `batch - 1` more through.
    ///
    /// A request that costs more than `batch` always queries the server; one that costs 0 does, unless
    /// a lease is valid.
    pub const fn lease(mut self, batch: u32, ttl: Duration) -> Self {
        self.lease = Some((batch, ttl));
        self
    }

    /// The quotas of this instance alone, for each plan, while the server does not answer; empty if
    /// they are not needed.
    pub(in crate::layers::rate_limit) fn shares(
        &self,
        plans: &PlanChoice,
    ) -> Result<Vec<Arc<[Gcra]>>, ConfigError> {
        match self.store.on_failure {
            OnFailure::Local { instances } => {
                let shares = plans.all().map(|quotas| share(quotas, instances));
                shares.collect()
            }
            OnFailure::Allow | OnFailure::Deny => Ok(Vec::new()),
        }
    }

    /// The limit with its quotas, if they can be counted in Redis.
    pub(in crate::layers::rate_limit) fn checked(
        self,
        plans: &PlanChoice,
    ) -> Result<RedisOptions, ConfigError> {
        let quotas = || plans.all().flat_map(|quotas| quotas.iter());
        for quota in quotas() {
            if quota.refill_time() > MAX_UNTIL_FULL {
                return Err(refuse(format!(
                    "the quota {:?} takes more than 104 days to replenish, which Redis can't count \
                     exactly",
                    quota.name()
                )));
            }
        }
        let lease = self.lease.map(|lease| check_lease(lease, quotas()));
        Ok(RedisOptions {
            lease: lease.transpose()?,
            names: Names::new(
                &self.store.prefix,
                &self.name,
                self.store.secret.as_deref().unwrap_or_default(),
            ),
            _claim: self.store.claim(&self.name)?,
            store: self.store,
        })
    }
}

/// A limit that was checked together with its quotas.
pub(in crate::layers::rate_limit) struct RedisOptions {
    pub(super) store: RedisStore,
    pub(super) names: Names,
    /// Batch and nanoseconds.
    pub(super) lease: Option<(u32, u64)>,
    /// As long as it lives, no other limit of the process has the name.
    _claim: Arc<()>,
}

/// The share of one instance of the quotas that all share.
fn share(quotas: &[Gcra], instances: NonZeroU32) -> Result<Arc<[Gcra]>, ConfigError> {
    let shares = quotas.iter().map(|quota| {
        let burst = (quota.burst() / instances).max(1);
        let interval = Duration::from_nanos(quota.interval()).checked_mul(instances.get());
        let interval =
            interval.ok_or_else(|| error("a share of the quota would never replenish"))?;
        let name = quota.name().to_owned();
        Gcra::new(Quota::per(1, interval).burst(burst).named(name))
    });
    shares.collect()
}

fn check_lease<'a>(
    (batch, ttl): (u32, Duration),
    quotas: impl Iterator<Item = &'a Gcra>,
) -> Result<(u32, u64), ConfigError> {
    if batch < 2 {
        return Err(refuse("a lease of fewer than 2 units saves nothing"));
    }
    if quotas
        .map(Gcra::burst)
        .min()
        .is_some_and(|burst| batch > burst)
    {
        return Err(refuse(format!(
            "a lease of {batch} units is more than the smallest burst: one instance would take \
             everything"
        )));
    }
    let ttl = u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX);
    if ttl == 0 {
        return Err(refuse("a lease with a duration of 0 saves nothing"));
    }
    Ok((batch, ttl))
}

impl fmt::Debug for RedisLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLimit")
            .field("name", &self.name)
            .field("lease", &self.lease)
            .field("store", &self.store)
            .finish()
    }
}

fn refuse(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(MESSAGES.policy, message)
}
