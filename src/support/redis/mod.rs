//! A Redis or Valkey server that may not answer: it is asked within a time, given up when it fails
//! again and again, and found when it is back.

mod breaker;
mod connection;
mod counter;
mod failure;

use std::{borrow::Cow, future::Future, sync::Arc, time::Duration};

use redis::{Client, Cmd, ErrorKind, RedisResult, ServerErrorKind, Value, aio::ConnectionLike};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

use self::{
    breaker::Breaker,
    connection::{Connection, Given, Managed},
};
pub(crate) use self::{breaker::Patience, counter::Counter, failure::Failure};
use crate::wire::ConfigError;

/// A server, and how long to wait for it. Clones share the connection and what is known of the
/// server, not the settings.
#[derive(Clone)]
pub(crate) struct RedisServer {
    connection: Arc<dyn Connection>,
    state: Arc<State>,
    words: &'static Words,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    pub(crate) patience: Patience,
}

/// What clones share.
struct State {
    breaker: Breaker,
    round_trips: Counter,
    failures: Counter,
    timeouts: Counter,
}

/// What the server is for, in errors and in the log.
pub(crate) struct Words {
    /// The policy that bad settings are errors of.
    pub(crate) policy: &'static str,
    /// The event of when it is given up, and of when it answers again.
    pub(crate) opened: &'static str,
    pub(crate) closed: &'static str,
}

/// What was done so far.
pub(crate) struct Figures {
    pub(crate) round_trips: u64,
    pub(crate) failures: u64,
    pub(crate) timeouts: u64,
    pub(crate) opened: u64,
    pub(crate) is_open: bool,
}

impl RedisServer {
    /// The server of a URL, to which a connection is made when it is first needed.
    pub(crate) fn open(
        url: &str,
        timeout: Duration,
        words: &'static Words,
    ) -> Result<Self, ConfigError> {
        // What the error says may hold the password.
        let client = Client::open(url).map_err(|error| {
            let message = format!("this is no URL of Redis: {}", error.category());
            ConfigError::new(words.policy, message)
        })?;
        Ok(Self::with(Arc::new(Managed::new(client)), timeout, words))
    }

    /// Where a given connection leads.
    pub(crate) fn new<C>(connection: C, timeout: Duration, words: &'static Words) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::with(Arc::new(Given(connection)), timeout, words)
    }

    fn with(connection: Arc<dyn Connection>, timeout: Duration, words: &'static Words) -> Self {
        Self {
            connection,
            state: Arc::new(State {
                breaker: Breaker::new(words),
                round_trips: Counter::default(),
                failures: Counter::default(),
                timeouts: Counter::default(),
            }),
            words,
            timeout,
            patience: Patience {
                failures: 5,
                first_pause: Duration::from_millis(250),
                longest_pause: Duration::from_secs(10),
            },
        }
    }

    /// Checks what can't be said by types.
    pub(crate) fn check(&self, prefix: &str) -> Result<(), ConfigError> {
        if self.timeout.is_zero() {
            return Err(self.refuse("a timeout of 0 would let every request fail"));
        }
        if self.patience.failures == 0 {
            return Err(self.refuse("a server can't be given up after 0 failures"));
        }
        if self.patience.longest_pause < self.patience.first_pause {
            return Err(self.refuse("the longest pause is shorter than the first"));
        }
        self.check_name("prefix", &prefix.replace(':', ""))
    }

    /// Braces would change which slot of a cluster a key is in; the last colon before them ends
    /// the prefix.
    pub(crate) fn check_name(&self, what: &str, name: &str) -> Result<(), ConfigError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if name.is_empty() || !name.bytes().all(good) {
            return Err(self.refuse(format!(
                "the {what} {name:?} is not made of letters, digits and `-_./`"
            )));
        }
        Ok(())
    }

    pub(crate) fn refuse(&self, message: impl Into<Cow<'static, str>>) -> ConfigError {
        ConfigError::new(self.words.policy, message)
    }

    pub(crate) fn figures(&self) -> Figures {
        let state = &self.state;
        Figures {
            round_trips: state.round_trips.read(),
            failures: state.failures.read(),
            timeouts: state.timeouts.read(),
            opened: state.breaker.times_opened(),
            is_open: state.breaker.is_open(),
        }
    }

    /// The time after which it may be back.
    pub(crate) fn until_probe(&self) -> Duration {
        self.state.breaker.until_probe().unwrap_or_default()
    }

    /// Whether nobody may ask now.
    pub(crate) fn rests(&self) -> bool {
        self.state.breaker.rests()
    }

    /// Until when an answer to what is asked now is waited for.
    pub(crate) fn deadline(&self) -> Instant {
        let now = Instant::now();
        // Times that do not fit are longer than anything lives.
        now.checked_add(self.timeout)
            .or_else(|| now.checked_add(Duration::from_secs(86_400)))
            .unwrap_or(now)
    }

    /// Waits for an answer until the deadline, unless the server is given up. What can't be read
    /// counts as a failure as well.
    pub(crate) async fn ask<A, T>(
        &self,
        deadline: Instant,
        question: impl Future<Output = RedisResult<A>>,
        read: impl FnOnce(A) -> Option<T>,
    ) -> Result<T, Failure> {
        if Handle::try_current().is_err() {
            return Err(Failure::NoRuntime);
        }
        let pass = self.state.breaker.pass().ok_or(Failure::GivenUp)?;
        let failure = match timeout_at(deadline, question).await {
            Ok(Ok(answer)) => match read(answer) {
                Some(answer) => {
                    pass.answered();
                    return Ok(answer);
                }
                None => Failure::Nonsense,
            },
            Ok(Err(error)) => Failure::Server(error),
            Err(_) => {
                self.state.timeouts.add_one();
                Failure::TimedOut(self.timeout)
            }
        };
        self.state.failures.add_one();
        if pass.failed(&self.patience, &failure) {
            self.connection.discard();
        }
        Err(failure)
    }

    /// Sends a command.
    pub(crate) async fn send(&self, command: Cmd) -> RedisResult<Value> {
        self.state.round_trips.add_one();
        self.connection.ask(command).await
    }

    /// Calls a script by its hash; a server that has been restarted or flushed gets the source, for
    /// which `call` is asked with `true`.
    pub(crate) async fn call(&self, call: impl Fn(bool) -> Cmd) -> RedisResult<Value> {
        match self.send(call(false)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(call(true)).await
            }
            answer => answer,
        }
    }
}
