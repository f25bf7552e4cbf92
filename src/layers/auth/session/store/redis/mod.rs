//! Sessions in Redis or Valkey: [`RedisSessions`].

mod commands;

use std::{
    fmt,
    future::Future,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, SystemTime},
};

use ::redis::{RedisResult, Value, aio::ConnectionLike};
use bytes::Bytes;
use tokio::time::Instant;

use self::commands::{
    CommandResult, Keys, Touched, command_result, expiry_bytes, ids, indexed_until, number,
    read_value, touched, was_set, write_value,
};
use super::{
    SessionStore, SessionsByOwner,
    record::{
        SessionId, SessionOwner, SessionRecord, SessionStoreError, StoreFailure, check_length,
        duration_nanos, nanos,
    },
};
use crate::{
    support::{
        clock::Clock,
        redis::{LogMessages, RedisServer, Stats, server_settings},
    },
    wire::ConfigError,
};

/// Keeps sessions in Redis or Valkey, where all instances share them and no user is signed out when an
/// instance restarts.
///
/// Create one per process and server: clones share the connection, the metrics and the circuit
/// breaker.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::auth::RedisSessions;
///
/// let sessions = RedisSessions::open("redis://127.0.0.1:6379")?
///     .prefix("shop:session")?
///     .timeout(Duration::from_millis(200))?;
/// assert!(!sessions.metrics().is_open);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # When the server does not answer
///
/// A lost connection, no answer within the [timeout](Self::timeout), a read-only replica, a wrong
/// password, a missing permission, a server that is still loading: all of these are answered 503,
/// because they say nothing about the session. They are never answered 401, which would sign users
/// out. A session that was found, but whose use cannot be noted, passes with a warning in the log.
///
/// After five failures in a row, or [another number](Self::give_up_after), a circuit breaker opens:
/// requests with a session fail immediately, except that one at a time tries again after a growing
/// [backoff](Self::try_again_after). It opens a new connection, so that a changed DNS entry takes
/// effect. Two events of target `wythe` are logged: one at level `warn`, with the cause, and one at
/// `info` when the server answers again.
///
/// If the server is out of memory, or a key has a value of another type, only this command fails: the
/// circuit breaker does not open. A connection to a server that has become a replica is closed
/// immediately, and the next command opens a new one.
///
/// # Keys and values
///
/// The key is `shop:session:kGk0v…`: the prefix and the id, which is a hash of the secret in the
/// cookie. The value consists of a version, the expiry of the session, the hash of its owner if there
/// is one, and the data, unencrypted: somebody who can read the server can read the data of sessions,
/// but cannot continue them. The server deletes a session when it expires; because clocks differ, its
/// expiry is also compared with the clock of this instance.
///
/// There is an index of each owner's sessions, `shop:session:owner:…`, with about 100 bytes for each
/// session. Expired sessions are removed from it one to five days later, when new ones are added.
///
/// A load, a sign-in, noting a use, and a removal take one command each; an update takes a load and
/// one command, and both again if another update comes in between. With an owner, a sign-in takes two
/// commands. Noting a use usually stays at one, because the index only records an approximate expiry,
/// which changes every 3.26 days; when it changes, noting a use takes three commands, because the
/// index is updated first.
///
/// # Servers
///
/// Redis from 6.0 and Valkey from 7.2; tested with Redis 7.0. RESP2 or RESP3 (`?protocol=resp3`).
/// A dedicated user needs `~shop:session:* +get +mget +set +del +evalsha +eval +getrange +setrange
/// +pexpire`, and for owners `+zscore +zadd +zremrangebyscore +zrange +zrem`.
///
/// - **Eviction** signs users out: use `maxmemory-policy noeviction`, or a dedicated server with
///   `volatile-ttl`, which first drops the sessions that expire first. Without eviction, a server that
///   is out of memory rejects new sessions. Existing ones continue until their idle time ends: it
///   cannot be prolonged, because noting a use is rejected too.
/// - **Restarts** sign everybody out, unless the server persists its data (`appendonly yes`).
/// - **Replicas** are not read: they may still have a session that was just removed. After a failover
///   the last writes are lost: a user who has just signed in is signed out, and a user who has just
///   signed out is signed in again, unless the server waits for its replicas.
/// - **Clusters**: every command has one key, except the removal of an owner's sessions and the load
///   of several cookies of one request, which `redis` splits. Enable `cluster-async` of `redis` and
///   pass a `ClusterConnection` that does not read from replicas to [`new`](Self::new).
/// - **TLS**: `rediss://` with one of the TLS features of `redis`.
///
/// On one machine a load takes 44 µs at the median, and 79 µs at the 99th percentile; an update and
/// noting a use, which are scripts, take 52 µs at the median. A session with 100 bytes of data takes
/// about 300 bytes in the server.
///
/// # Compared with
///
/// tower-sessions-redis-store takes the pool of another client, has no timeout of its own, and
/// recreates a removed session when a request in progress saves it.
#[derive(Clone)]
#[must_use]
pub struct RedisSessions {
    server: RedisServer,
    keys: Keys,
    record_bytes: usize,
    clock: Clock,
}

static MESSAGES: LogMessages = LogMessages {
    store: "sessions",
    policy: "RedisSessions",
    opened: "the session store does not answer; until it does, requests with a session are answered \
             503",
    closed: "the session store answers again",
};

const TIMEOUT: Duration = Duration::from_millis(500);

impl RedisSessions {
    /// Keeps sessions in the server at this URL, such as `redis://10.0.0.7:6379`. The connection is
    /// opened when it is first needed, and reopened when it breaks.
    ///
    /// The documentation of [redis] describes the URL: it can contain a user and password, a database,
    /// `?protocol=resp3`, and `rediss://` with one of its TLS features.
    ///
    /// # Errors
    ///
    /// If it is not such a URL. A server that does not answer is not an error here: requests with a
    /// session are answered 503 until it does.
    ///
    /// [redis]: https://docs.rs/redis/1/redis/#connection-parameters
    pub fn open(url: &str) -> Result<Self, ConfigError> {
        Ok(Self::with(RedisServer::open(url, TIMEOUT, &MESSAGES)?))
    }

    /// Keeps sessions in the server of this connection: a [`ConnectionManager`], a connection to a
    /// cluster (`redis::cluster_async::ClusterConnection`) or any other whose clones can be used
    /// concurrently.
    ///
    /// Whatever timeouts and retries the connection has, no command waits longer than
    /// [`timeout`](Self::timeout). Prefer [`open`](Self::open) if a URL is enough: a
    /// `MultiplexedConnection` does not reconnect, and a `ConnectionManager` may wait for seconds
    /// before it does, and gives up after a wrong password.
    ///
    /// [`ConnectionManager`]: ::redis::aio::ConnectionManager
    pub fn new<C>(connection: C) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::with(RedisServer::new(connection, TIMEOUT, &MESSAGES))
    }

    server_settings!(keys, "wythe:session", "500 ms");

    /// The maximum length of a session's data in bytes; by default 65,536.
    pub const fn record_bytes(mut self, bytes: usize) -> Self {
        self.record_bytes = bytes;
        self
    }

    /// The clock; by default the system's. A session expires by this clock or by the server's,
    /// whichever comes first.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The counters, for your metrics.
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

    fn with(server: RedisServer) -> Self {
        Self {
            server,
            keys: Keys(Arc::from("wythe:session")),
            record_bytes: 65_536,
            clock: Clock::default(),
        }
    }

    /// Nanoseconds since 1970.
    fn now(&self) -> u64 {
        duration_nanos(self.clock.since_epoch())
    }

    /// Waits for the answer to an operation of a single command, and parses it.
    async fn query<T>(
        &self,
        query: impl Future<Output = RedisResult<Value>>,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<T, SessionStoreError> {
        self.query_until(self.server.deadline(), query, read).await
    }

    /// The same for one of several commands, which share one deadline.
    async fn query_until<T>(
        &self,
        deadline: Instant,
        query: impl Future<Output = RedisResult<Value>>,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<T, SessionStoreError> {
        let query = async { command_result(query.await) };
        let read = |command_result: CommandResult| match command_result {
            Ok(answer) => read(answer).map(Ok),
            Err(error) => Some(Err(error)),
        };
        let answer = self.server.query(deadline, query, read).await;
        answer.map_err(StoreFailure::Server)?
    }

    /// Adds a session to the index of its owner.
    async fn add_to_index(
        &self,
        deadline: Instant,
        owner: &SessionOwner,
        id: &SessionId,
        expires: u64,
    ) -> Result<(), SessionStoreError> {
        let until = milliseconds(indexed_until(expires));
        let times = (until, milliseconds(self.now()));
        let call = |form| self.keys.add_to_index(owner, id, times, form);
        let added = self.server.call(call);
        let added = self.query_until(deadline, added, |answer| number(&answer));
        added.await.map(drop)
    }

    /// Changes when a session expires, unless the index of its owner has to be updated first.
    async fn try_touch(
        &self,
        deadline: Instant,
        id: &SessionId,
        expires: u64,
        owner: Option<&SessionOwner>,
    ) -> Result<Touched, SessionStoreError> {
        let left = milliseconds(expires.saturating_sub(self.now()));
        let ends = expiry_bytes(expires);
        let call = |form| self.keys.touch(id, (&ends, left), owner, form);
        let touch = self.server.call(call);
        self.query_until(deadline, touch, touched).await
    }
}

/// The session in the answer to a query; an error if its value is something else.
fn loaded(answer: Value) -> Option<Result<Option<SessionRecord>, &'static str>> {
    match answer {
        Value::Nil => Some(Ok(None)),
        Value::BulkString(value) => {
            let record = read_value(value).ok_or("not a session of this version");
            Some(record.map(Some))
        }
        _ => None,
    }
}

/// Rounded up, so that no session expires too early.
const fn milliseconds(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000)
}

impl SessionStore for RedisSessions {
    type Error = SessionStoreError;

    async fn load(&self, id: &SessionId) -> Result<Option<SessionRecord>, SessionStoreError> {
        let found = self.query(self.server.send(self.keys.get(id)), loaded);
        let found = found.await?.map_err(StoreFailure::Unreadable)?;
        let now = self.now();
        Ok(found.filter(|record| nanos(record.expires) > now))
    }

    async fn load_all(
        &self,
        ids: &[SessionId],
    ) -> Result<Vec<Option<SessionRecord>>, SessionStoreError> {
        let read = |answer| match answer {
            Value::Array(values) => values.into_iter().map(loaded).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let found = self.query(self.server.send(self.keys.get_all(ids)), read);
        let found: Result<Vec<_>, _> = found.await?.into_iter().collect();
        let now = self.now();
        let live = |record: &SessionRecord| nanos(record.expires) > now;
        let found = found.map_err(StoreFailure::Unreadable)?.into_iter();
        Ok(found.map(|record| record.filter(live)).collect())
    }

    async fn insert(&self, id: SessionId, record: SessionRecord) -> Result<(), SessionStoreError> {
        check_length(record.data.len(), self.record_bytes)?;
        let expires = nanos(record.expires);
        let left = milliseconds(expires.saturating_sub(self.now()));
        if left == 0 {
            // The server rejects a value that has already expired.
            return Ok(());
        }
        let set = self.keys.set(&id, &write_value(&record), left);
        let set = self.server.send(set);
        let deadline = self.server.deadline();
        if !self
            .query_until(deadline, set, |answer| was_set(&answer))
            .await?
        {
            return Err(StoreFailure::Taken.into());
        }
        // If this fails, nobody gets the cookie of the session. In the opposite order, a removal
        // between the two commands would leave a session that is in no index.
        match &record.owner {
            Some(owner) => self.add_to_index(deadline, owner, &id, expires).await,
            None => Ok(()),
        }
    }

    async fn update(
        &self,
        id: &SessionId,
        from: &Bytes,
        to: Bytes,
    ) -> Result<bool, SessionStoreError> {
        check_length(to.len(), self.record_bytes)?;
        let call = |form| self.keys.update(id, from, &to, form);
        let updated = self.server.call(call);
        Ok(self.query(updated, |answer| number(&answer)).await? > 0)
    }

    async fn touch(&self, id: &SessionId, expires: SystemTime) -> Result<bool, SessionStoreError> {
        let expires = nanos(expires);
        let deadline = self.server.deadline();
        let mut touched = self.try_touch(deadline, id, expires, None).await?;
        if let Touched::Owned(owner) = touched {
            // The index first, so that no session outlives its entry in it.
            self.add_to_index(deadline, &owner, id, expires).await?;
            touched = self.try_touch(deadline, id, expires, Some(&owner)).await?;
        }
        match touched {
            Touched::Done => Ok(true),
            Touched::Gone => Ok(false),
            Touched::Owned(_) => Err(StoreFailure::Unreadable("that of another owner now").into()),
        }
    }

    async fn remove(&self, id: &SessionId) -> Result<bool, SessionStoreError> {
        let delete = self.server.send(self.keys.delete(id));
        Ok(self.query(delete, |answer| number(&answer)).await? > 0)
    }
}

impl SessionsByOwner for RedisSessions {
    /// Removes a hundred sessions at a time; the timeout applies to each batch.
    async fn remove_owned(&self, owner: &SessionOwner) -> Result<u64, SessionStoreError> {
        let mut ended = 0_u64;
        loop {
            let deadline = self.server.deadline();
            let some = self.server.send(self.keys.index_page(owner));
            let some = self.query_until(deadline, some, ids).await?;
            if some.is_empty() {
                return Ok(ended);
            }
            let delete = self.server.send(self.keys.delete_all(&some));
            let deleted = self
                .query_until(deadline, delete, |answer| number(&answer))
                .await?;
            ended = ended.saturating_add(deleted);
            // The index last: if this is cancelled before, the next call finds the sessions again.
            let removed = self.server.send(self.keys.remove_from_index(owner, &some));
            self.query_until(deadline, removed, |answer| number(&answer))
                .await?;
        }
    }
}

impl fmt::Debug for RedisSessions {
    /// Omits the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSessions")
            .field("prefix", &self.keys.0)
            .field("record_bytes", &self.record_bytes)
            .field("timeout", &self.server.timeout)
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}

/// The counters of a [`RedisSessions`] since it was created; see [`RedisSessions::metrics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisSessionsMetrics {
    /// Commands that were sent to the server.
    pub round_trips: u64,
    /// Commands that failed: with an error, for lack of a connection, or because of the timeout.
    pub failures: u64,
    /// Commands that were not answered in time; also counted as failures.
    pub timeouts: u64,
    /// How often the circuit breaker opened.
    pub opened: u64,
    /// Whether the circuit breaker is open: use this for alerts.
    pub is_open: bool,
}
