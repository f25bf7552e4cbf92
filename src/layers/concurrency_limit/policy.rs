//! Builds a limit: how many at once, who is counted together, who may wait.

use std::{borrow::Cow, fmt, time::Duration};

use http::request::Parts;
use tokio::sync::Semaphore;

use crate::{
    contract::stage,
    request::key::{AfterAuth, By, ByClientIp, ByPeer, Key, KeyPart},
    wire::{ConfigError, Problem},
};

/// A limit on the requests in progress at once: the policy of
/// [`with_concurrency_limit`](super::with_concurrency_limit).
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
/// // What would refuse everything is an error at once.
/// assert!(ConcurrencyLimit::of(0).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct ConcurrencyLimit<K = Overall> {
    pub(super) most: usize,
    pub(super) queue: Option<Queue>,
    pub(super) retry_after: Duration,
    pub(super) name: Cow<'static, str>,
    pub(super) key: K,
    /// Whether the key is asked: all requests have the same one unless told.
    pub(super) keyed: bool,
}

/// A line of those that wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) most: usize,
    pub(super) longest: Duration,
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
    /// So many requests at once, all together. The others are refused, unless there is a
    /// [`queue`](Self::queue).
    ///
    /// # Errors
    ///
    /// If it is 0, or more than tokio's `Semaphore` can count: `usize::MAX >> 3`.
    pub fn of(most: usize) -> Result<Self, ConfigError> {
        if most == 0 {
            return Err(error("a limit of 0 requests would refuse everything"));
        }
        if most > Semaphore::MAX_PERMITS {
            return Err(error(format!(
                "no more than {} requests can be counted",
                Semaphore::MAX_PERMITS
            )));
        }
        Ok(Self {
            most,
            queue: None,
            retry_after: Duration::from_secs(1),
            name: Cow::Borrowed("concurrent-requests"),
            key: Overall(()),
            keyed: false,
        })
    }

    /// So many at once for each address of a peer, the other end of the connection.
    ///
    /// It is found in the extensions of the request: as axum's `ConnectInfo<SocketAddr>` or as
    /// [`PeerAddr`](crate::PeerAddr). Without it the answer is a 500 whose cause, in the log,
    /// says what to do. IPv4 addresses mapped into IPv6 count as IPv4; of IPv6 addresses the /64
    /// network counts, see [`ipv6_prefix`](ConcurrencyLimit::ipv6_prefix).
    ///
    /// # Security
    ///
    /// Behind a proxy the peer is the proxy: all of its clients share one limit.
    pub fn by_peer(self) -> ConcurrencyLimit<ByPeer> {
        self.keyed(ByPeer { ipv6_prefix: 64 })
    }

    /// So many at once for each address that `with_client_ip` provides: that of the client behind
    /// trusted proxies. Of IPv6 addresses the /64 network counts, see
    /// [`ipv6_prefix`](ConcurrencyLimit::ipv6_prefix).
    pub fn by_client_ip(self) -> ConcurrencyLimit<ByClientIp> {
        self.keyed(ByClientIp { ipv6_prefix: 64 })
    }

    /// So many at once for each value that a closure makes of the head of the request.
    ///
    /// `Option` is a value like any other: all requests without a key share one limit.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{ConcurrencyLimit, with_concurrency_limit};
    ///
    /// // Two at once for each path.
    /// let limit = ConcurrencyLimit::of(2)?.by(|head| head.uri.path().to_owned());
    /// let layer = with_concurrency_limit(limit);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Security
    ///
    /// A client that can choose its key has as many limits as it likes: do not use a header field
    /// that nobody has verified.
    pub fn by<F, V>(self, key: F) -> ConcurrencyLimit<By<F>>
    where
        F: Fn(&Parts) -> V + Send + Sync + 'static,
        V: KeyPart,
    {
        self.keyed(By(key))
    }

    /// So many at once for each value of a [`Key`].
    pub fn keyed<K: Key>(self, key: K) -> ConcurrencyLimit<K> {
        ConcurrencyLimit {
            keyed: true,
            ..self.with_key(|_| key)
        }
    }
}

impl<K: Key> ConcurrencyLimit<K> {
    /// Lets so many requests wait (of each key), each for at most so long. They come in in the
    /// order in which they came.
    ///
    /// A client that goes away leaves the line at once.
    ///
    /// # Errors
    ///
    /// If either is 0: without a line, nobody waits.
    ///
    /// # Panics
    ///
    /// Not here, but where a request has to wait outside of a tokio runtime, or in one whose time
    /// is not enabled.
    ///
    /// # Security
    ///
    /// A request that waits holds its connection and its place in memory. For limits by key,
    /// `max_waiting` is that of one client: keep it small.
    pub fn queue(mut self, max_waiting: usize, max_wait: Duration) -> Result<Self, ConfigError> {
        if max_waiting == 0 || max_wait.is_zero() {
            return Err(error(
                "a queue in which nobody can wait is none: leave out `.queue(..)`",
            ));
        }
        self.queue = Some(Queue {
            most: max_waiting,
            longest: max_wait,
        });
        Ok(self)
    }

    /// When a client that was refused is told to try again: in whole seconds, rounded up, and at
    /// least one. One second unless told.
    pub const fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }

    /// The name by which refusals tell of it, in `violated-policies`; `concurrent-requests`
    /// unless told.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Stands inside authentication, at stage [`Quota`](stage::Quota): because the key is
    /// made from what is known only there, or so that nobody who is refused there is counted.
    pub fn after_auth(self) -> ConcurrencyLimit<AfterAuth<K>> {
        self.with_key(AfterAuth)
    }

    fn with_key<L>(self, key: impl FnOnce(K) -> L) -> ConcurrencyLimit<L> {
        ConcurrencyLimit {
            most: self.most,
            queue: self.queue,
            retry_after: self.retry_after,
            name: self.name,
            key: key(self.key),
            keyed: self.keyed,
        }
    }
}

/// The two keys of which the network of an IPv6 address counts.
macro_rules! ipv6_prefix {
    ($($key:ident)*) => {$(
        impl ConcurrencyLimit<$key> {
            /// The bits of an IPv6 address that count, 64 unless told: the least that a provider
            /// gives to one customer, who has all the addresses in it.
            ///
            /// # Errors
            ///
            /// If it is not 1 to 128.
            pub fn ipv6_prefix(mut self, bits: u8) -> Result<Self, ConfigError> {
                if !(1..=128).contains(&bits) {
                    return Err(error(format!("an IPv6 prefix has 1 to 128 bits, not {bits}")));
                }
                self.key.ipv6_prefix = bits;
                Ok(self)
            }
        }
    )*};
}
ipv6_prefix!(ByPeer ByClientIp);

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("ConcurrencyLimit", message)
}

/// When it refuses.
impl<K> fmt::Display for ConcurrencyLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.keyed { " of its key" } else { "" };
        write!(f, "when {} requests{key} are in progress", self.most)?;
        match self.queue {
            None => Ok(()),
            Some(Queue { most, longest }) => {
                write!(f, " and {most} wait, or after a wait of {longest:?}")
            }
        }
    }
}

/// Without the key.
impl<K> fmt::Debug for ConcurrencyLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimit")
            .field("most", &self.most)
            .field("queue", &self.queue)
            .field("retry_after", &self.retry_after)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
