//! Events in Redis or Valkey: [`RedisWebhookStore`].

use std::{error::Error, fmt, num::NonZeroU32, sync::Arc, time::Duration};

use ::redis::{RedisResult, Value, aio::ConnectionLike, cmd};
use base64::{display::Base64Display, engine::general_purpose::URL_SAFE_NO_PAD};

use super::store::{ClaimId, EventKey, EventState, WebhookStore};
use crate::{
    support::redis::{
        Failure, LogMessages, RedisServer, Script, Stats, milliseconds, server_settings,
    },
    wire::ConfigError,
};

/// Records handled events in Redis or Valkey, where all instances share them.
///
/// Create one per process and server: clones share the connection, the metrics and the circuit
/// breaker.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::webhook::RedisWebhookStore;
///
/// let store = RedisWebhookStore::open("redis://127.0.0.1:6379")?
///     .prefix("shop:webhook")?
///     .timeout(Duration::from_millis(200))?;
/// assert!(!store.metrics().is_open);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # When the server does not answer
///
/// On a lost connection, no answer within the [timeout](Self::timeout), or a server without memory,
/// the request is answered 503, so that the sender sends the event again and nothing is handled twice.
/// [`dangerously_handle_without_store`](crate::webhook::Webhook::dangerously_handle_without_store)
/// handles the event instead.
///
/// After five failures in a row, or [another number](Self::give_up_after), a circuit breaker opens:
/// requests fail immediately, except that one at a time tries again after a growing
/// [backoff](Self::try_again_after).
///
/// A handled event is recorded by a task, after the answer. If that fails, it is retried twice, within
/// a second and a half. If the process is killed before that, or while the handler runs, the event
/// stays in progress until the lease expires.
///
/// # Keys and values
///
/// The key is `shop:webhook:kGk0v…`: the prefix and the key of the event, a hash. The value is the id of
/// the claim while the event is in progress, and `handled` afterwards. It takes about 150 bytes.
///
/// # Servers
///
/// Redis from 6.0 and Valkey from 7.2. Each operation is one command for one key, so clusters work:
/// enable `cluster-async` of `redis` and pass a `ClusterConnection` that does not read from replicas
/// to [`new`](Self::new). A dedicated user needs `~shop:webhook:* +get +set +del +evalsha +eval`. If
/// you need eviction, use `volatile-ttl`: an event that was evicted is handled again if it is sent
/// again.
#[derive(Clone)]
#[must_use]
pub struct RedisWebhookStore {
    server: RedisServer,
    prefix: Arc<str>,
}

static MESSAGES: LogMessages = LogMessages {
    store: "webhooks",
    policy: "RedisWebhookStore",
    opened: "the store of webhook events does not answer; until it does, webhooks are answered 503",
    closed: "the store of webhook events answers again",
};

const TIMEOUT: Duration = Duration::from_millis(500);

/// The value of an event that was handled.
const HANDLED: &[u8] = b"handled";

/// Claims an event, or returns its value.
static BEGIN: Script = Script::new(
    "local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1",
);

/// Removes an event that is in progress with this claim.
static RELEASE: Script = Script::new(
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0",
);

impl RedisWebhookStore {
    /// Records events in the server at this URL, such as `redis://10.0.0.7:6379`. The connection is
    /// opened when it is first needed, and reopened when it breaks.
    ///
    /// # Errors
    ///
    /// If it is not such a URL. A server that does not answer is not an error here.
    pub fn open(url: &str) -> Result<Self, ConfigError> {
        RedisServer::open(url, TIMEOUT, &MESSAGES).map(Self::with)
    }

    /// Records events through your own connection whose clones can be used concurrently, for example a
    /// connection to a cluster.
    pub fn new<C>(connection: C) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::with(RedisServer::new(connection, TIMEOUT, &MESSAGES))
    }

    fn with(server: RedisServer) -> Self {
        Self {
            server,
            prefix: Arc::from("wythe:webhook"),
        }
    }

    server_settings!(prefix, "wythe:webhook", "500 ms");

    /// The counters, for your metrics.
    #[must_use]
    pub fn metrics(&self) -> RedisWebhookMetrics {
        let Stats {
            round_trips,
            failures,
            timeouts,
            opened,
            is_open,
        } = self.server.stats();
        RedisWebhookMetrics {
            round_trips,
            failures,
            timeouts,
            opened,
            is_open,
        }
    }

    fn checked(self) -> Result<Self, ConfigError> {
        self.server.check(&self.prefix)?;
        Ok(self)
    }

    fn key(&self, event: &EventKey) -> String {
        let key = Base64Display::new(event.as_bytes(), &URL_SAFE_NO_PAD);
        format!("{}:{key}", self.prefix)
    }

    /// Waits for an answer, and parses it. A server that is out of memory does not open the circuit
    /// breaker: it can still release events.
    async fn query<T>(
        &self,
        query: impl Future<Output = RedisResult<Value>>,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<T, RedisWebhookError> {
        let query = async {
            match query.await {
                Err(error) if error.code() == Some("OOM") => Ok(Err(error)),
                answer => answer.map(Ok),
            }
        };
        let read = |answer| match answer {
            Ok(answer) => read(answer).map(Ok),
            Err(error) => Some(Err(error)),
        };
        let answer = self.server.query(self.server.deadline(), query, read);
        let answer = answer.await.map_err(RedisWebhookError)?;
        answer.map_err(|error| RedisWebhookError(Failure::Server(error)))
    }
}

impl WebhookStore for RedisWebhookStore {
    type Error = RedisWebhookError;

    async fn begin(
        &self,
        event: EventKey,
        claim: ClaimId,
        lease: Duration,
    ) -> Result<EventState, RedisWebhookError> {
        let key = self.key(&event);
        let call = |form| {
            let mut call = BEGIN.call(form, &key);
            call.arg(&claim.as_bytes()[..]).arg(milliseconds(lease));
            call
        };
        let read = |answer| match answer {
            Value::Int(_) => Some(EventState::New),
            Value::BulkString(value) if value == HANDLED => Some(EventState::Handled),
            Value::BulkString(_) => Some(EventState::InProgress),
            _ => None,
        };
        self.query(self.server.call(call), read).await
    }

    async fn complete(&self, event: EventKey, keep: Duration) -> Result<(), RedisWebhookError> {
        const ATTEMPTS: u32 = 3;

        let mut wait = Duration::from_millis(500);
        for _ in 1..ATTEMPTS {
            if self.record(&event, keep).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2);
        }
        self.record(&event, keep).await
    }

    async fn release(&self, event: EventKey, claim: ClaimId) -> Result<(), RedisWebhookError> {
        let key = self.key(&event);
        let call = |form| {
            let mut call = RELEASE.call(form, &key);
            call.arg(&claim.as_bytes()[..]);
            call
        };
        let read = |answer| matches!(answer, Value::Int(_)).then_some(());
        self.query(self.server.call(call), read).await
    }
}

impl RedisWebhookStore {
    async fn record(&self, event: &EventKey, keep: Duration) -> Result<(), RedisWebhookError> {
        let mut set = cmd("SET");
        set.arg(self.key(event)).arg(HANDLED);
        set.arg("PX").arg(milliseconds(keep));
        let read = |answer| matches!(answer, Value::Okay).then_some(());
        self.query(self.server.send(set), read).await
    }
}

/// Omits the URL.
impl fmt::Debug for RedisWebhookStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisWebhookStore")
            .field("prefix", &self.prefix)
            .field("timeout", &self.server.timeout)
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}

/// The counters of a [`RedisWebhookStore`] since it was created; see [`RedisWebhookStore::metrics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisWebhookMetrics {
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

/// Why an operation of a [`RedisWebhookStore`] failed.
#[derive(Clone, Debug)]
pub struct RedisWebhookError(Failure);

impl fmt::Display for RedisWebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for RedisWebhookError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Failure::Server(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_between_one_and_a_hundred_years() {
        let years = Duration::from_secs(100 * 365 * 86_400);
        for (time, expected) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_micros(1_001), 2),
            (Duration::from_secs(7 * 86_400), 604_800_000),
            (years, 3_153_600_000_000),
            (years + Duration::from_secs(1), 3_153_600_000_000),
            (Duration::MAX, 3_153_600_000_000),
        ] {
            assert_eq!(milliseconds(time), expected, "{time:?}");
        }
    }
}
