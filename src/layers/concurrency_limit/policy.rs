//! Builds a limit: [`ConcurrencyLimit`].

use std::{borrow::Cow, fmt, time::Duration};

use http::request::Parts;
use tokio::sync::Semaphore;

use crate::{
    contract::{description::Limit, stage},
    request::key::{AfterAuth, Key, ipv6_prefix, key_methods},
    wire::{ConfigError, Problem},
};

/// A limit on the number of requests in progress: the policy of
/// [`with_concurrency_limit`](crate::with_concurrency_limit).
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::{ConcurrencyLimit, with_concurrency_limit};
///
/// // 200 at once for the whole server; 50 more may wait, each for at most half a second.
/// let overall = ConcurrencyLimit::of(200)?.queue(50, Duration::from_millis(500))?;
/// let overall = with_concurrency_limit(overall);
///
/// // 4 at once for each client address.
/// let each = with_concurrency_limit(ConcurrencyLimit::of(4)?.by_peer());
///
/// // A limit that would reject every request is an error at once.
/// assert!(ConcurrencyLimit::of(0).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct ConcurrencyLimit<K = Overall> {
    pub(super) max: usize,
    pub(super) queue: Option<Queue>,
    pub(super) retry_after: Duration,
    pub(super) name: Cow<'static, str>,
    pub(super) key: K,
    /// Whether there is a key; otherwise all requests are counted together.
    pub(super) keyed: bool,
}

/// Requests that wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) max_waiting: usize,
    pub(super) max_wait: Duration,
}

/// Counts all requests together.
#[derive(Clone, Copy, Debug)]
pub struct Overall(());

impl Key for Overall {
    type Value = ();
    type Stage = stage::Admit;
    type Needs = ();

    fn of(&self, _: &mut Parts) -> Result<(), Problem> {
        Ok(())
    }
}

impl ConcurrencyLimit {
    /// At most `max` requests at once, all together. Others are refused, unless there is a
    /// [`queue`](Self::queue).
    ///
    /// # Errors
    ///
    /// If it is 0, or more than tokio's `Semaphore` can count: `usize::MAX >> 3`.
    pub fn of(max: usize) -> Result<Self, ConfigError> {
        if max == 0 {
            return Err(error("a limit of 0 requests would reject every request"));
        }
        if max > Semaphore::MAX_PERMITS {
            return Err(error(format!(
                "at most {} requests can be counted",
                Semaphore::MAX_PERMITS
            )));
        }
        Ok(Self {
            max,
            queue: None,
            retry_after: Duration::from_secs(1),
            name: Cow::Borrowed("concurrent-requests"),
            key: Overall(()),
            keyed: false,
        })
    }

    /// Counts each value of a [`Key`] separately.
    pub fn keyed<K: Key>(self, key: K) -> ConcurrencyLimit<K> {
        ConcurrencyLimit {
            keyed: true,
            ..self.map_key(|_| key)
        }
    }

    fn with_key<K: Key>(self, key: K) -> ConcurrencyLimit<K> {
        self.keyed(key)
    }
}

impl<K: Key> ConcurrencyLimit<K> {
    /// Lets up to `max_waiting` requests wait (per key, if there are keys), each for at most
    /// `max_wait`. They enter in the order in which they arrived.
    ///
    /// A client that disconnects leaves the queue immediately.
    ///
    /// # Errors
    ///
    /// If either is 0.
    ///
    /// # Panics
    ///
    /// Not here, but when a request has to wait outside a tokio runtime, or in one whose timer is not
    /// enabled.
    ///
    /// # Security
    ///
    /// A waiting request holds its connection and its memory. For limits by key, `max_waiting` applies
    /// to each client: keep it small.
    pub fn queue(mut self, max_waiting: usize, max_wait: Duration) -> Result<Self, ConfigError> {
        if max_waiting == 0 || max_wait.is_zero() {
            return Err(error(
                "a queue needs at least one request and some time: leave out `.queue(..)` for none",
            ));
        }
        self.queue = Some(Queue {
            max_waiting,
            max_wait,
        });
        Ok(self)
    }

    /// The time in `Retry-After`: in whole seconds, rounded up, and at least one. By default one
    /// second.
    pub const fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }

    /// The name in `violated-policies` of refusals: `concurrent-requests` by default.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Moves the limit inside authentication, to stage [`Quota`](stage::Quota): because the key is
    /// made from data that is known only there, or so that requests that authentication refuses are
    /// not counted.
    pub fn after_auth(self) -> ConcurrencyLimit<AfterAuth<K>> {
        self.map_key(AfterAuth)
    }

    /// The limit as data, without its key.
    pub(super) fn describe(&self) -> Limit {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let limit = Limit::concurrent(self.name.clone(), count(self.max));
        match self.queue {
            None => limit,
            Some(Queue {
                max_waiting,
                max_wait,
            }) => limit.queue(count(max_waiting), max_wait),
        }
    }

    fn map_key<L>(self, key: impl FnOnce(K) -> L) -> ConcurrencyLimit<L> {
        ConcurrencyLimit {
            max: self.max,
            queue: self.queue,
            retry_after: self.retry_after,
            name: self.name,
            key: key(self.key),
            keyed: self.keyed,
        }
    }
}

ipv6_prefix!(ConcurrencyLimit);
key_methods!(ConcurrencyLimit => ConcurrencyLimit, ConcurrencyLimit, Ok);

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("ConcurrencyLimit", message)
}

/// Omits the key.
impl<K> fmt::Debug for ConcurrencyLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimit")
            .field("max", &self.max)
            .field("queue", &self.queue)
            .field("retry_after", &self.retry_after)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
