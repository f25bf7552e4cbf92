//! Answers in Redis or Valkey: [`RedisAnswers`].

use std::{error::Error, fmt, num::NonZeroU32, sync::Arc, time::Duration};

use ::redis::{RedisError, RedisResult, ToRedisArgs, Value, aio::ConnectionLike};
use base64::{display::Base64Display, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;

use super::{Acquired, Claim, IdempotencyStore};
use crate::{
    contract::Later,
    support::redis::{LogMessages, RedisServer, Script, Stats, milliseconds, server_settings},
    wire::{BoxError, ConfigError},
};

/// Keeps answers in Redis or Valkey, where all instances share them.
///
/// Create one per process and server: clones share the connection, the metrics and the circuit
/// breaker.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::{Idempotency, idempotency::RedisAnswers, with_idempotency};
///
/// let store = RedisAnswers::open("redis://127.0.0.1:6379")?
///     .prefix("shop:idempotency")?
///     .timeout(Duration::from_millis(200))?;
/// let layer = with_idempotency(Idempotency::stored(store).by_peer());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # When the server does not answer
///
/// Until it answers again, requests with a key are answered 503 before anything is done. If the server
/// fails while a handler is running, the handler continues, and its client gets the answer. The answer
/// is stored if the server is back before the lease ends. Otherwise, a client that sends the request
/// again gets 503 while the server is down, and afterwards the request is handled again.
///
/// After five failures in a row, or [another number](Self::give_up_after), a circuit breaker opens:
/// requests fail immediately, except that one at a time tries again after a growing
/// [backoff](Self::try_again_after). Two events of target `wythe` are logged: one at level `warn`,
/// with the cause, and one at `info` when the server answers again.
///
/// # Keys and values
///
/// The key is `shop:idempotency:kGk0v…`: the prefix, and a hash of the client, the route and the
/// client's key. The value is a hash of what the request asks for and the answer, unencrypted: anybody
/// who can read the server can read the answers.
///
/// Acquiring, renewing and freeing a key, and storing an answer, take one command each.
///
/// # Servers
///
/// Redis from 6.0 and Valkey from 7.2. A dedicated user needs `~shop:idempotency:* +get +set +del
/// +evalsha +eval`.
///
/// - **Eviction** causes repeated requests to be handled again: use `maxmemory-policy noeviction`. A
///   server that is out of memory then rejects new keys, and these requests are answered 503.
/// - **Restarts** lose the answers, unless the server persists its data (`appendonly yes`). A request
///   in progress acquires its key again at the next renewal of its lease.
/// - **Failover** to a replica loses the last writes, unless the server waits for its replicas.
/// - **Clusters**: every command has one key.
/// - **TLS**: `rediss://` with one of the TLS features of `redis`.
#[derive(Clone)]
#[must_use]
pub struct RedisAnswers {
    server: RedisServer,
    prefix: Arc<str>,
}

static MESSAGES: LogMessages = LogMessages {
    store: "idempotency",
    policy: "RedisAnswers",
    opened: "the store of idempotency keys does not answer; until it does, requests with a key are \
             answered 503",
    closed: "the store of idempotency keys answers again",
};

const TIMEOUT: Duration = Duration::from_millis(500);

impl RedisAnswers {
    /// Keeps answers in the server at this URL, such as `redis://10.0.0.7:6379`. The connection is
    /// opened when it is first needed, and reopened when it breaks.
    ///
    /// # Errors
    ///
    /// If it is not such a URL. A server that does not answer is not an error here: requests with a key
    /// are answered 503 until it does.
    pub fn open(url: &str) -> Result<Self, ConfigError> {
        Ok(Self::with(RedisServer::open(url, TIMEOUT, &MESSAGES)?))
    }

    /// Keeps answers in the server of this connection, whose clones must be usable concurrently.
    ///
    /// Whatever timeouts and retries the connection has, no command waits longer than
    /// [`timeout`](Self::timeout).
    pub fn new<C>(connection: C) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::with(RedisServer::new(connection, TIMEOUT, &MESSAGES))
    }

    fn with(server: RedisServer) -> Self {
        Self {
            server,
            prefix: Arc::from("wythe:idempotency"),
        }
    }

    server_settings!(prefix, "wythe:idempotency", "500 ms");

    fn checked(self) -> Result<Self, ConfigError> {
        self.server.check(&self.prefix)?;
        Ok(self)
    }

    /// The counters, for your metrics.
    #[must_use]
    pub fn metrics(&self) -> RedisAnswersMetrics {
        let Stats {
            round_trips,
            failures,
            timeouts,
            opened,
            is_open,
        } = self.server.stats();
        RedisAnswersMetrics {
            round_trips,
            failures,
            timeouts,
            opened,
            is_open,
        }
    }

    /// Runs a script for the key of a claim. The arguments begin with the value of the claim.
    fn query<T: Send + 'static>(
        &self,
        script: &'static Script,
        claim: &Claim,
        arguments: impl ToRedisArgs,
        read: impl FnOnce(Value) -> Option<T> + Send + 'static,
    ) -> Later<Result<T, BoxError>> {
        let key = Base64Display::new(claim.key(), &URL_SAFE_NO_PAD);
        let key = format!("{}:{key}", self.prefix);
        let held = write_held(claim);
        let arguments = arguments.to_redis_args();
        let call = move |form| {
            let mut call = script.call(form, &key);
            call.arg(&held[..]).arg(&arguments);
            call
        };
        let server = self.server.clone();
        Later::pending(async move {
            let query = async { of_this_command(server.call(call).await) };
            let read = |answer: Result<Value, RedisError>| match answer {
                Ok(answer) => read(answer).map(Ok),
                Err(error) => Some(Err(error)),
            };
            let answer = server.query(server.deadline(), query, read).await;
            Ok(answer??)
        })
    }
}

/// Separates out the errors that concern only one command: a key with a value of another type, and a
/// server that is out of memory, which can still be read.
fn of_this_command(answer: RedisResult<Value>) -> RedisResult<Result<Value, RedisError>> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) if matches!(error.code(), Some("WRONGTYPE" | "OOM")) => Ok(Err(error)),
        Err(error) => Err(error),
    }
}

static ACQUIRE: Script = Script::new(include_str!("acquire.lua"));
static REPLACE: Script = Script::new(include_str!("replace.lua"));
static RELEASE: Script = Script::new(include_str!("release.lua"));

impl IdempotencyStore for RedisAnswers {
    fn acquire(&self, claim: &Claim, lease: Duration) -> Later<Result<Acquired, BoxError>> {
        let read = |answer| match answer {
            Value::Int(1) => Some(Ok(Acquired::Free)),
            Value::BulkString(value) => Some(read_value(value).ok_or(Unreadable)),
            _ => None,
        };
        self.query(&ACQUIRE, claim, milliseconds(lease), read)
            .map(|acquired| Ok(acquired??))
    }

    fn renew(&self, claim: &Claim, lease: Duration) -> Later<Result<bool, BoxError>> {
        let held = write_held(claim);
        self.query(
            &REPLACE,
            claim,
            (&held[..], milliseconds(lease)),
            |answer| is_done(&answer),
        )
    }

    fn complete(
        &self,
        claim: &Claim,
        answer: Bytes,
        time: Duration,
    ) -> Later<Result<bool, BoxError>> {
        let answered = write_answered(claim, &answer);
        self.query(&REPLACE, claim, (answered, milliseconds(time)), |answer| {
            is_done(&answer)
        })
    }

    fn release(&self, claim: &Claim) -> Later<Result<bool, BoxError>> {
        let nothing: &[u8] = &[];
        self.query(&RELEASE, claim, nothing, |answer| is_done(&answer))
    }
}

const fn is_done(answer: &Value) -> Option<bool> {
    match answer {
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        _ => None,
    }
}

// The value of a key: a version, the hash of what the request asks for, and the owner or the answer.

const HELD: u8 = 1;
const ANSWERED: u8 = 2;

fn write_held(claim: &Claim) -> Vec<u8> {
    [&[HELD], &claim.payload()[..], &claim.owner()[..]].concat()
}

fn write_answered(claim: &Claim, answer: &[u8]) -> Vec<u8> {
    [&[ANSWERED], &claim.payload()[..], answer].concat()
}

/// The state in a value; `None` if it is something else.
fn read_value(value: Vec<u8>) -> Option<Acquired> {
    let mut value = Bytes::from(value);
    let (head, _) = value.split_first_chunk::<33>()?;
    let [version, payload @ ..] = *head;
    let rest = value.split_off(33);
    match version {
        HELD if rest.len() == 16 => Some(Acquired::InProgress { payload }),
        ANSWERED => Some(Acquired::Answered {
            payload,
            answer: rest,
        }),
        _ => None,
    }
}

/// The value of a key was written by another program or version.
#[derive(Debug)]
struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of the key in Redis is not one of this version")
    }
}

impl Error for Unreadable {}

impl fmt::Debug for RedisAnswers {
    /// Omits the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisAnswers")
            .field("prefix", &self.prefix)
            .field("timeout", &self.server.timeout)
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}

/// The counters of a [`RedisAnswers`] since it was created; see [`RedisAnswers::metrics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisAnswersMetrics {
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Acquired, Claim, read_value, write_answered, write_held};

    #[test]
    fn values_are_read_as_they_were_written() {
        let payload = [2; 32];
        let claim = Claim::new([1; 32], payload, [3; 16]);
        let answer = Bytes::from("the answer");
        assert_eq!(
            read_value(write_held(&claim)),
            Some(Acquired::InProgress { payload })
        );
        assert_eq!(
            read_value(write_answered(&claim, &answer)),
            Some(Acquired::Answered { payload, answer })
        );
        for other in [
            vec![],
            vec![1; 33],
            vec![1; 50],
            vec![9; 49],
            b"text".to_vec(),
        ] {
            assert_eq!(read_value(other), None);
        }
    }
}
