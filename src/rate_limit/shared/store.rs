//! Says which server keeps the counts, and what if it does not answer: [`RedisStore`].

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use redis::{Client, aio::ConnectionLike};

use super::{
    breaker::{Breaker, Patience},
    connection::{Connection, Given, Managed},
    failure::OnFailure,
    limit::SharedLimit,
    metrics::{Counters, RedisMetrics},
};
use crate::config_error::ConfigError;

/// A Redis or Valkey server that keeps the counts of limits for many instances; see the
/// [module](super).
///
/// Make one for each process and server: clones share the connection, the metrics, and the
/// knowledge of whether the server answers. Each limit has a [name](Self::limit) in it.
#[derive(Clone)]
#[must_use]
pub struct RedisStore {
    pub(super) connection: Arc<dyn Connection>,
    pub(super) state: Arc<State>,
    pub(super) on_failure: OnFailure,
    pub(super) timeout: Duration,
    pub(super) patience: Patience,
    pub(super) prefix: Arc<str>,
    pub(super) secret: Arc<[u8]>,
}

/// What clones share.
pub(super) struct State {
    pub(super) breaker: Breaker,
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
        // What it says may hold the password.
        let client = Client::open(url);
        let client = client
            .map_err(|error| refuse(format!("this is no URL of Redis: {}", error.category())))?;
        Ok(Self::with(Arc::new(Managed::new(client)), on_failure))
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
        Self::with(Arc::new(Given(connection)), on_failure)
    }

    fn with(connection: Arc<dyn Connection>, on_failure: OnFailure) -> Self {
        Self {
            connection,
            state: Arc::new(State {
                breaker: Breaker::new(),
                counters: Counters::default(),
                names: Mutex::default(),
            }),
            on_failure,
            timeout: Duration::from_millis(50),
            patience: Patience {
                failures: 5,
                first_pause: Duration::from_millis(250),
                longest_pause: Duration::from_secs(10),
            },
            prefix: "wythe".into(),
            secret: Arc::default(),
        }
    }

    /// How long a request waits for the server at most: 50 ms unless told. It should be many
    /// times what the server takes, and less than your clients notice.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many failures in a row it takes to give the server up: 5 unless told. Then requests do
    /// not wait for it at all, until it answers again.
    pub const fn give_up_after(mut self, failures: u32) -> Self {
        self.patience.failures = failures;
        self
    }

    /// How long a server that was given up is left alone, before one request tries again: 250 ms
    /// unless told, then twice as long each time, up to 10 s, with a quarter more or less at
    /// random.
    pub const fn try_again_after(mut self, first: Duration, longest: Duration) -> Self {
        self.patience.first_pause = first;
        self.patience.longest_pause = longest;
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
        let State {
            breaker, counters, ..
        } = &*self.state;
        RedisMetrics {
            round_trips: counters.round_trips.read(),
            leased: counters.leased.read(),
            failures: counters.failures.read(),
            timeouts: counters.timeouts.read(),
            undecided: counters.undecided.read(),
            lost_charges: counters.lost_charges.read(),
            opened: breaker.times_opened(),
            is_open: breaker.is_open(),
        }
    }

    /// Checks what can't be said by types.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.timeout.is_zero() {
            return Err(refuse("a timeout of 0 would let every request fail"));
        }
        if self.patience.failures == 0 {
            return Err(refuse("a server can't be given up after 0 failures"));
        }
        if self.patience.longest_pause < self.patience.first_pause {
            return Err(refuse("the longest pause is shorter than the first"));
        }
        check_name("prefix", &self.prefix.replace(':', ""))
    }

    /// Takes a name for as long as what comes back lives.
    pub(super) fn claim(&self, name: &str) -> Result<Arc<()>, ConfigError> {
        check_name("name", name)?;
        let names = self.state.names.lock();
        let mut names = names.unwrap_or_else(PoisonError::into_inner);
        if names
            .get(name)
            .is_some_and(|claim| claim.strong_count() > 0)
        {
            return Err(refuse(format!(
                "another limit has the name {name:?}, and would share its counts: clone the layer \
                 or the `Limiter` to have one limit in several places, or choose another name"
            )));
        }
        let claim = Arc::new(());
        names.insert(name.to_owned(), Arc::downgrade(&claim));
        Ok(claim)
    }
}

/// Braces would change which slot of a cluster a key is in; the last colon before them ends the
/// prefix.
fn check_name(what: &str, name: &str) -> Result<(), ConfigError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if name.is_empty() || !name.bytes().all(good) {
        return Err(refuse(format!(
            "the {what} {name:?} is not made of letters, digits and `-_./`"
        )));
    }
    Ok(())
}

pub(super) fn refuse(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new("RedisStore", message)
}

/// Neither the URL nor the secret.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .field("on_failure", &self.on_failure)
            .field("timeout", &self.timeout)
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}
