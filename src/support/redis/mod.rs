//! A Redis or Valkey server that may not answer: calls have a timeout, and a circuit breaker gives the
//! server up when it fails repeatedly, and tries again.

mod breaker;
mod connection;
mod script;

use std::{
    borrow::Cow,
    error::Error,
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{
    Client, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, aio::ConnectionLike,
};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

use self::{
    breaker::Breaker,
    connection::{Connection, FixedConnection, Managed},
};
pub(crate) use self::{
    breaker::RetryPolicy,
    script::{Script, ScriptForm, milliseconds},
};
use crate::wire::ConfigError;

/// A server, and how long to wait for it. Clones share the connection, the breaker and the counters,
/// not the settings.
#[derive(Clone)]
pub(crate) struct RedisServer {
    connection: Arc<dyn Connection>,
    health: Arc<Health>,
    messages: &'static LogMessages,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    pub(crate) retry: RetryPolicy,
}

/// Whether the server answers, and what was counted.
struct Health {
    breaker: Breaker,
    round_trips: Counter,
    failures: Counter,
    timeouts: Counter,
}

/// The texts of one use of a server, in errors and in the log.
pub(crate) struct LogMessages {
    /// The label of the store in metrics.
    pub(crate) store: &'static str,
    /// The policy that reports bad settings.
    pub(crate) policy: &'static str,
    /// The events when the server is given up, and when it answers again.
    pub(crate) opened: &'static str,
    pub(crate) closed: &'static str,
}

/// What was counted so far.
pub(crate) struct Stats {
    pub(crate) round_trips: u64,
    pub(crate) failures: u64,
    pub(crate) timeouts: u64,
    pub(crate) opened: u64,
    pub(crate) is_open: bool,
}

/// The settings of a store: a type with the fields `server` and `$prefix`, and a method `checked`.
macro_rules! server_settings {
    ($field:ident, $prefix:literal, $timeout:literal) => {
        /// How long an operation waits for the server, whether it is one command or several; by default
        #[doc = concat!($timeout, ". It should be many times as long as the server usually takes, but")]
        /// too short for your clients to notice.
        ///
        /// # Errors
        ///
        /// If it is 0.
        pub fn timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
            self.server.timeout = timeout;
            self.checked()
        }

        /// After how many failures in a row the circuit breaker opens; by default 5. From then on,
        /// requests do not wait for the server until it answers again.
        pub const fn give_up_after(mut self, failures: NonZeroU32) -> Self {
            self.server.retry.failures = failures.get();
            self
        }

        /// The backoff of the circuit breaker, after which one request tries again; by default 250 ms,
        /// then twice as long each time, up to 10 s, with a random variation of a quarter.
        ///
        /// # Errors
        ///
        /// If `longest` is shorter than `first`.
        pub fn try_again_after(
            mut self,
            first: Duration,
            longest: Duration,
        ) -> Result<Self, ConfigError> {
            self.server.retry.initial_backoff = first;
            self.server.retry.max_backoff = longest;
            self.checked()
        }

        #[doc = concat!("The prefix of all keys, before a colon; by default `", $prefix, "`. Applications")]
        /// that share a server need different prefixes.
        ///
        /// # Errors
        ///
        /// If it contains anything but ASCII letters, digits and `-_./:`.
        pub fn prefix(mut self, prefix: &str) -> Result<Self, ConfigError> {
            self.$field = prefix.into();
            self.checked()
        }
    };
}
pub(crate) use server_settings;

impl RedisServer {
    /// The server of a URL. The connection is made when it is first needed.
    pub(crate) fn open(
        url: &str,
        timeout: Duration,
        messages: &'static LogMessages,
    ) -> Result<Self, ConfigError> {
        // The text of the error may have the password.
        let client = Client::open(url).map_err(|error| {
            let message = format!("this is not a Redis URL: {}", error.category());
            ConfigError::new(messages.policy, message)
        })?;
        Ok(Self::with(
            Arc::new(Managed::new(client)),
            timeout,
            messages,
        ))
    }

    /// The server behind a given connection.
    pub(crate) fn new<C>(connection: C, timeout: Duration, messages: &'static LogMessages) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::with(Arc::new(FixedConnection(connection)), timeout, messages)
    }

    fn with(
        connection: Arc<dyn Connection>,
        timeout: Duration,
        messages: &'static LogMessages,
    ) -> Self {
        Self {
            connection,
            health: Arc::new(Health {
                breaker: Breaker::new(messages),
                round_trips: Counter::default(),
                failures: Counter::default(),
                timeouts: Counter::default(),
            }),
            messages,
            timeout,
            retry: RetryPolicy {
                failures: 5,
                initial_backoff: Duration::from_millis(250),
                max_backoff: Duration::from_secs(10),
            },
        }
    }

    /// Checks what types can't express.
    pub(crate) fn check(&self, prefix: &str) -> Result<(), ConfigError> {
        if self.timeout.is_zero() {
            return Err(self.refuse("with a timeout of 0 every request would fail"));
        }
        if self.retry.max_backoff < self.retry.initial_backoff {
            return Err(self.refuse("the longest backoff is shorter than the first"));
        }
        self.check_name("prefix", &prefix.replace(':', ""))
    }

    /// Braces would change which slot of a cluster a key is in; the last colon before them ends
    /// the prefix.
    pub(crate) fn check_name(&self, what: &str, name: &str) -> Result<(), ConfigError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if name.is_empty() || !name.bytes().all(good) {
            return Err(self.refuse(format!(
                "the {what} {name:?} must consist of letters, digits and `-_./`"
            )));
        }
        Ok(())
    }

    pub(crate) fn refuse(&self, message: impl Into<Cow<'static, str>>) -> ConfigError {
        ConfigError::new(self.messages.policy, message)
    }

    pub(crate) fn stats(&self) -> Stats {
        let health = &self.health;
        Stats {
            round_trips: health.round_trips.read(),
            failures: health.failures.read(),
            timeouts: health.timeouts.read(),
            opened: health.breaker.times_opened(),
            is_open: health.breaker.is_open(),
        }
    }

    /// The time until the server is tried again.
    pub(crate) fn until_probe(&self) -> Duration {
        self.health.breaker.until_probe().unwrap_or_default()
    }

    /// Whether no request may ask now.
    pub(crate) fn rejects_calls(&self) -> bool {
        self.health.breaker.rejects_calls()
    }

    /// Until when to wait for an answer to a request that is sent now.
    pub(crate) fn deadline(&self) -> Instant {
        let now = Instant::now();
        // A timeout that does not fit is longer than any process lives.
        now.checked_add(self.timeout)
            .or_else(|| now.checked_add(Duration::from_secs(86_400)))
            .unwrap_or(now)
    }

    /// Waits for an answer until the deadline, unless the server is given up. An answer that can't be
    /// read is a failure as well.
    pub(crate) async fn query<A, T>(
        &self,
        deadline: Instant,
        query: impl Future<Output = RedisResult<A>>,
        read: impl FnOnce(A) -> Option<T>,
    ) -> Result<T, Failure> {
        if Handle::try_current().is_err() {
            return Err(Failure::NoRuntime);
        }
        let permit = self.health.breaker.permit().ok_or(Failure::CircuitOpen)?;
        let failure = match timeout_at(deadline, query).await {
            Ok(Ok(answer)) => match read(answer) {
                Some(answer) => {
                    permit.answered();
                    return Ok(answer);
                }
                None => Failure::UnexpectedReply,
            },
            Ok(Err(error)) => Failure::Server(error),
            Err(_) => {
                self.health.timeouts.add_one();
                Failure::TimedOut(self.timeout)
            }
        };
        self.health.failures.add_one();
        #[cfg(feature = "metrics")]
        {
            let (store, reason) = (self.messages.store, failure.reason());
            metrics::counter!("wythe_redis_errors_total", "store" => store, "reason" => reason)
                .increment(1);
        }
        if permit.failed(&self.retry, &failure) {
            self.connection.discard();
        }
        Err(failure)
    }

    /// Sends a command.
    pub(crate) async fn send(&self, command: Cmd) -> RedisResult<Value> {
        self.health.round_trips.add_one();
        self.connection.send(command).await
    }

    /// Calls a script by its hash. A server that does not have it, after a restart or flush, gets the
    /// source.
    pub(crate) async fn call(&self, call: impl Fn(ScriptForm) -> Cmd) -> RedisResult<Value> {
        match self.send(call(ScriptForm::Hash)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(call(ScriptForm::Source)).await
            }
            answer => answer,
        }
    }
}

/// Why there is no usable answer.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The server was not asked, because it has failed too often.
    CircuitOpen,
    TimedOut(Duration),
    Server(RedisError),
    /// It is not Redis, or it did not run the script.
    UnexpectedReply,
    NoRuntime,
}

#[cfg(feature = "metrics")]
impl Failure {
    /// As a label.
    const fn reason(&self) -> &'static str {
        match self {
            Self::TimedOut(_) => "timeout",
            Self::Server(_) => "error",
            Self::UnexpectedReply => "unexpected_reply",
            // Redis was not asked.
            Self::CircuitOpen | Self::NoRuntime => "not_asked",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CircuitOpen => f.write_str("Redis was not asked, as it has failed too often"),
            Self::TimedOut(timeout) => write!(f, "no answer from Redis within {timeout:?}"),
            Self::Server(error) => error.fmt(f),
            Self::UnexpectedReply => f.write_str("an unexpected reply from Redis"),
            Self::NoRuntime => f.write_str("Redis can't be asked outside of a tokio runtime"),
        }
    }
}

impl Error for Failure {}

/// Counts events, for metrics.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
