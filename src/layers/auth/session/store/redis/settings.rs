//! Which server it is, how long to wait for it, and what was done so far.

use std::{num::NonZeroU32, time::Duration};

use ::redis::aio::ConnectionLike;

use super::{RedisSessions, commands::Keys};
use crate::{
    support::{
        clock::Clock,
        redis::{LogMessages, RedisServer, Stats},
    },
    wire::ConfigError,
};

static MESSAGES: LogMessages = LogMessages {
    policy: "RedisSessions",
    opened: "the store of sessions does not answer; until it does, requests with a session are \
             answered 503",
    closed: "the store of sessions answers again",
};

const TIMEOUT: Duration = Duration::from_millis(500);

/// What a store of sessions has done since it was made; see [`RedisSessions::metrics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisSessionsMetrics {
    /// Commands that were sent to the server.
    pub round_trips: u64,
    /// Commands that failed: with an error, without a connection, or by the timeout.
    pub failures: u64,
    /// Commands that had no answer in time; they are among the failures.
    pub timeouts: u64,
    /// How often the server was given up.
    pub opened: u64,
    /// Whether it is given up now: what an alert should look at.
    pub is_open: bool,
}

impl RedisSessions {
    /// Keeps sessions in the server of this URL, such as `redis://10.0.0.7:6379`. The connection is
    /// made when it is first needed, and again when it breaks.
    ///
    /// [redis] says what else a URL can have: a user and password, a database,
    /// `?protocol=resp3`, and `rediss://` with one of its TLS features.
    ///
    /// # Errors
    ///
    /// If it is not such a URL. A server that is not there is no error here: requests with a
    /// session are answered 503 until it is.
    ///
    /// [redis]: https://docs.rs/redis/1/redis/#connection-parameters
    pub fn open(url: &str) -> Result<Self, ConfigError> {
        Ok(Self::with(RedisServer::open(url, TIMEOUT, &MESSAGES)?))
    }

    /// Keeps sessions where a connection of yours leads: a [`ConnectionManager`], a connection to
    /// a cluster (`redis::cluster_async::ClusterConnection`) or any other whose clones can be used
    /// at once.
    ///
    /// Whatever timeouts and attempts it has, no command waits longer than
    /// [`timeout`](Self::timeout). A `MultiplexedConnection` does not connect again when it has
    /// broken, and a `ConnectionManager` waits up to seconds before it does, and never after a
    /// wrong password: [`open`](Self::open) is better where a URL is all there is to say.
    ///
    /// [`ConnectionManager`]: ::redis::aio::ConnectionManager
    pub fn new<C>(connection: C) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::with(RedisServer::new(connection, TIMEOUT, &MESSAGES))
    }

    /// How long a command waits for the server at most: 500 ms unless told. It should be many
    /// times what the server takes, and less than your clients notice.
    ///
    /// # Errors
    ///
    /// If it is 0.
    pub fn timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        self.server.timeout = timeout;
        self.checked()
    }

    /// How many failures in a row it takes to give the server up: 5 unless told. Then requests do
    /// not wait for it at all, until it answers again.
    pub const fn give_up_after(mut self, failures: NonZeroU32) -> Self {
        self.server.retry.failures = failures.get();
        self
    }

    /// How long a server that was given up is left alone, before one request tries again: 250 ms
    /// unless told, then twice as long each time, up to 10 s, with a quarter more or less at
    /// random.
    ///
    /// # Errors
    ///
    /// If the longest pause is shorter than the first.
    pub fn try_again_after(
        mut self,
        first: Duration,
        longest: Duration,
    ) -> Result<Self, ConfigError> {
        self.server.retry.first_backoff = first;
        self.server.retry.longest_backoff = longest;
        self.checked()
    }

    /// What all keys begin with, before a colon: `wythe:session` unless told. Applications that
    /// share a server need prefixes of their own.
    ///
    /// # Errors
    ///
    /// If it is not made of ASCII letters, digits and `-_./:`.
    pub fn prefix(mut self, prefix: &str) -> Result<Self, ConfigError> {
        self.keys = Keys(prefix.into());
        self.checked()
    }

    /// The most bytes that the data of a session may have: 65,536 unless told.
    pub const fn record_bytes(mut self, bytes: usize) -> Self {
        self.record_bytes = bytes;
        self
    }

    /// The clock; by default the system's. It decides with the server's whether a session is
    /// over.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// What was done so far, for your metrics.
    #[must_use]
    pub fn metrics(&self) -> RedisSessionsMetrics {
        let Stats {
            round_trips,
            failures,
            timeouts,
            opened,
            is_open,
        } = self.server.stats();
        RedisSessionsMetrics {
            round_trips,
            failures,
            timeouts,
            opened,
            is_open,
        }
    }

    fn checked(self) -> Result<Self, ConfigError> {
        self.server.check(&self.keys.0)?;
        Ok(self)
    }
}
