//! Says which server keeps the counts, and what if it does not answer: [`RedisStore`].

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use redis::aio::ConnectionLike;

use super::{
    failure::OnFailure,
    limit::SharedLimit,
    metrics::{Counters, RedisMetrics},
};
use crate::{
    support::redis::{RedisServer, Words},
    wire::ConfigError,
};

pub(super) static WORDS: Words = Words {
    policy: "RedisStore",
    opened: "the store of shared limits does not answer; until it does, requests are treated as \
             the limits say for this case",
    closed: "the store of shared limits answers again",
};

/// Requests without shared limits take less than a millisecond.
const TIMEOUT: Duration = Duration::from_millis(50);

/// A Redis or Valkey server that keeps the counts of limits for many instances; see the
/// [module](super).
///
/// Make one for each process and server: clones share the connection, the metrics, and the
/// knowledge of whether the server answers. Each limit has a [name](Self::limit) in it.
#[derive(Clone)]
#[must_use]
pub struct RedisStore {
    pub(super) server: RedisServer,
    pub(super) state: Arc<State>,
    pub(super) on_failure: OnFailure,
    pub(super) prefix: Arc<str>,
    pub(super) secret: Arc<[u8]>,
}

/// What clones share.
pub(super) struct State {
    pub(super) counters: Counters,
    /// The limits that live.
    names: Mutex<HashMap<String, Weak<()>>>,
}

impl RedisStore {
    /// Keeps the counts in the server of this URL, such as `redis://10.0.0.7:6379`. The connection
    /// is made when it is first needed, and again when it breaks.
    ///
    /// [redis] says what else a URL can have: a user and password, a database,
    /// `?protocol=resp3`, and `rediss://` with one of its TLS features.
    ///
    /// # Errors
    ///
    /// If it is not such a URL. A server that is not there is no error here: that is what
    /// [`OnFailure`] is for.
    ///
    /// [redis]: https://docs.rs/redis/1/redis/#connection-parameters
    pub fn open(url: &str, on_failure: OnFailure) -> Result<Self, ConfigError> {
        let server = RedisServer::open(url, TIMEOUT, &WORDS)?;
        Ok(Self::with(server, on_failure))
    }

    /// Keeps the counts where a connection of yours leads: a [`ConnectionManager`], a connection
    /// to a cluster (`redis::cluster_async::ClusterConnection`) or any other whose clones can be
    /// used at once.
    ///
    /// Whatever timeouts and attempts it has, no request waits longer than
    /// [`timeout`](Self::timeout). A `MultiplexedConnection` does not connect again when it has
    /// broken, and a `ConnectionManager` waits up to seconds before it does, and never after a
    /// wrong password: [`open`](Self::open) is better where a URL is all there is to say.
    ///
    /// [`ConnectionManager`]: redis::aio::ConnectionManager
    pub fn new<C>(connection: C, on_failure: OnFailure) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::with(RedisServer::new(connection, TIMEOUT, &WORDS), on_failure)
    }

    fn with(server: RedisServer, on_failure: OnFailure) -> Self {
        Self {
            server,
            state: Arc::new(State {
                counters: Counters::default(),
                names: Mutex::default(),
            }),
            on_failure,
            prefix: "wythe".into(),
            secret: Arc::default(),
        }
    }

    /// How long a request waits for the server at most: 50 ms unless told. It should be many
    /// times what the server takes, and less than your clients notice.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.server.timeout = timeout;
        self
    }

    /// How many failures in a row it takes to give the server up: 5 unless told. Then requests do
    /// not wait for it at all, until it answers again.
    pub const fn give_up_after(mut self, failures: u32) -> Self {
        self.server.patience.failures = failures;
        self
    }

    /// How long a server that was given up is left alone, before one request tries again: 250 ms
    /// unless told, then twice as long each time, up to 10 s, with a quarter more or less at
    /// random.
    pub const fn try_again_after(mut self, first: Duration, longest: Duration) -> Self {
        self.server.patience.first_pause = first;
        self.server.patience.longest_pause = longest;
        self
    }

    /// What all keys begin with, before a colon and the name of the limit: `wythe` unless told.
    /// Applications that share a server need prefixes of their own.
    pub fn prefix(mut self, prefix: impl Into<Arc<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// A secret that goes into the hashes of keys, the same for all instances.
    ///
    /// Without it, whoever can read the database can find out whether a given address or user is
    /// in it, and of IPv4 addresses, which are few, all that are. Another secret starts new
    /// counts.
    pub fn secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.secret = secret.as_ref().into();
        self
    }

    /// A limit whose counts are kept here under this name: what
    /// [`RateLimit::in_redis`](super::super::RateLimit::in_redis) takes.
    ///
    /// Instances share the counts of a name, so two limits must not have the same.
    pub fn limit(&self, name: impl Into<String>) -> SharedLimit {
        SharedLimit::new(self.clone(), name.into())
    }

    /// What was done so far, for your metrics.
    #[must_use]
    pub fn metrics(&self) -> RedisMetrics {
        let figures = self.server.figures();
        let counters = &self.state.counters;
        RedisMetrics {
            round_trips: figures.round_trips,
            leased: counters.leased.read(),
            failures: figures.failures,
            timeouts: figures.timeouts,
            undecided: counters.undecided.read(),
            lost_charges: counters.lost_charges.read(),
            opened: figures.opened,
            is_open: figures.is_open,
        }
    }

    /// Checks what can't be said by types.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.server.check(&self.prefix)
    }

    /// Takes a name for as long as what comes back lives.
    pub(super) fn claim(&self, name: &str) -> Result<Arc<()>, ConfigError> {
        self.server.check_name("name", name)?;
        let names = self.state.names.lock();
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

/// Neither the URL nor the secret.
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
