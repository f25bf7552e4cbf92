//! Builds a policy: [`Idempotency`].

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use http::{Method, StatusCode, request::Parts};

use super::store::{IdempotencyStore, MemoryAnswers};
#[cfg(feature = "auth")]
use crate::request::key::{ByPrincipal, KeyPart};
use crate::{
    contract::{Description, stage},
    request::key::{self, ByClientIp, ByPeer, Key, ipv6_prefix},
    wire::{ConfigError, Problem},
};

/// How repeated requests are recognized, and which of their answers are kept: the policy of
/// [`with_idempotency`](crate::with_idempotency).
///
/// # Example
///
/// ```
/// # #[cfg(feature = "auth")] {
/// use std::time::Duration;
///
/// use wythe::{Idempotency, with_idempotency};
///
/// #[derive(Clone)]
/// struct Claims {
///     sub: String,
/// }
///
/// let layer = with_idempotency(
///     Idempotency::in_memory()
///         .by_principal(|claims: &Claims| &claims.sub)
///         .required()
///         .time_limit(Duration::from_secs(20))?,
/// );
/// # }
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// A policy is not a layer until it has a scope, which keeps clients apart: two clients may choose the
/// same key.
#[derive(Clone)]
#[must_use]
pub struct Idempotency<K = Unscoped> {
    pub(super) key: K,
    pub(super) options: Options,
}

/// No scope has been chosen yet.
#[derive(Clone, Copy, Debug)]
pub struct Unscoped(());

/// All clients share their keys.
#[derive(Clone, Copy, Debug)]
pub struct Everybody(());

/// A policy without its scope.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) store: Arc<dyn IdempotencyStore>,
    pub(super) methods: Arc<[Method]>,
    pub(super) is_required: bool,
    pub(super) max_body_bytes: usize,
    pub(super) max_answer_bytes: usize,
    pub(super) keep: Arc<dyn Fn(StatusCode) -> bool + Send + Sync>,
    pub(super) keep_for: Duration,
    pub(super) lease: Duration,
    pub(super) time_limit: Duration,
    pub(super) max_tasks: usize,
}

impl Idempotency {
    /// Keeps answers in a new [`MemoryAnswers`], with the default capacity.
    pub fn in_memory() -> Self {
        Self::stored(MemoryAnswers::default())
    }

    /// Keeps answers in this store. Policies of several routes can share a store.
    pub fn stored(store: impl IdempotencyStore) -> Self {
        const MAX_ANSWER_BYTES: usize = 64 * 1024;

        let options = Options {
            max_answer_bytes: MAX_ANSWER_BYTES.min(store.max_answer_bytes()),
            store: Arc::new(store),
            methods: Arc::new([Method::POST, Method::PATCH]),
            is_required: false,
            max_body_bytes: 1024 * 1024,
            keep: Arc::new(is_kept),
            keep_for: Duration::from_secs(24 * 60 * 60),
            lease: Duration::from_secs(30),
            time_limit: Duration::from_secs(60),
            max_tasks: 1_024,
        };
        Self {
            key: Unscoped(()),
            options,
        }
    }

    /// Each principal has its own keys: by a part of the `with_auth` principal that is unique to it.
    /// For two parts, use [`keyed`](Self::keyed) with a tuple of [`key::principal`].
    ///
    /// The stack does not compile unless `with_auth` with this principal is listed before the layer.
    #[cfg(feature = "auth")]
    pub fn by_principal<C, V, F>(self, part: F) -> Idempotency<ByPrincipal<C, F>>
    where
        C: Send + Sync + 'static,
        F: Fn(&C) -> &V + Send + Sync + 'static,
        V: KeyPart + ToOwned<Owned: KeyPart> + ?Sized,
    {
        self.keyed(key::principal(part))
    }

    /// Each address has its own keys: the address of the peer, the other end of the connection.
    ///
    /// # Security
    ///
    /// Clients behind the same router share their keys, and behind a proxy all clients do: a client
    /// that guesses the key and the content of another client's request gets the answer. A client that
    /// repeats a request from another network is not recognized.
    pub fn by_peer(self) -> Idempotency<ByPeer> {
        self.keyed(key::peer())
    }

    /// Each client address has its own keys: the address that `with_client_ip` provides.
    ///
    /// # Security
    ///
    /// As for [`by_peer`](Self::by_peer): clients behind the same router share their keys.
    pub fn by_client_ip(self) -> Idempotency<ByClientIp> {
        self.keyed(key::client_ip())
    }

    /// Each value of this [`Key`] has its own keys: for example a tenant.
    pub fn keyed<K: Key>(self, key: K) -> Idempotency<K> {
        Idempotency {
            key,
            options: self.options,
        }
    }

    /// All clients share their keys.
    ///
    /// # Security
    ///
    /// A client that knows or guesses the key and the content of another client's request gets the
    /// answer. Use it only if there is a single client, or if answers contain nothing about users.
    pub fn dangerously_shared(self) -> Idempotency<Everybody> {
        self.keyed(Everybody(()))
    }
}

impl<K> Idempotency<K> {
    /// Answers 400 to requests without a key. By default they pass, and a repeated request is handled
    /// again.
    pub const fn required(mut self) -> Self {
        self.options.is_required = true;
        self
    }

    /// The methods whose requests have keys; by default `POST` and `PATCH`. Requests with other
    /// methods pass, whether or not they have a key.
    ///
    /// # Errors
    ///
    /// If the list is empty, or has a safe method.
    pub fn methods(
        mut self,
        methods: impl IntoIterator<Item = Method>,
    ) -> Result<Self, ConfigError> {
        let methods: Arc<[Method]> = methods.into_iter().collect();
        if methods.is_empty() {
            return Err(error("the list of methods is empty: list a method"));
        }
        if let Some(safe) = methods.iter().find(|method| method.is_safe()) {
            return Err(error(format!(
                "requests with the safe method {safe} need no key: remove it"
            )));
        }
        self.options.methods = methods;
        Ok(self)
    }

    /// The maximum body size of a request with a key, in bytes; by default 1,048,576. The body is read
    /// into memory, because it is compared with that of a repeated request.
    pub const fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.options.max_body_bytes = bytes;
        self
    }

    /// The maximum size of a kept answer, in bytes including its header fields; by default 65,536, or
    /// less if the store accepts less. A larger answer goes to the client; when the request is sent
    /// again, it is answered 409, because it has been processed but the answer was not kept.
    ///
    /// # Errors
    ///
    /// If it is more than the [store accepts](IdempotencyStore::max_answer_bytes): 4 MiB for
    /// [`in_memory`](Self::in_memory).
    pub fn max_answer_bytes(mut self, bytes: usize) -> Result<Self, ConfigError> {
        let accepted = self.options.store.max_answer_bytes();
        if bytes > accepted {
            return Err(error(format!(
                "the store accepts answers of at most {accepted} bytes, not {bytes}: use a larger \
                 store"
            )));
        }
        self.options.max_answer_bytes = bytes;
        Ok(self)
    }

    /// Which answers are kept, by status. If an answer is not kept, its key is freed: the next request
    /// with the key runs the handler.
    ///
    /// By default, all answers are kept, even a 500 of the handler, because something may have been
    /// done. The exceptions are answers that say that nothing was done and that another attempt can
    /// succeed: 400, 401, 403, 408, 409, 412, 413, 415, 422, 425, 428, 429 and 503.
    pub fn keep(mut self, keep: impl Fn(StatusCode) -> bool + Send + Sync + 'static) -> Self {
        self.options.keep = Arc::new(keep);
        self
    }

    /// How long answers are kept; by default 24 hours.
    ///
    /// # Errors
    ///
    /// If it is shorter than a second.
    pub fn keep_for(mut self, time: Duration) -> Result<Self, ConfigError> {
        if time < Duration::from_secs(1) {
            return Err(error("answers have to be kept for at least a second"));
        }
        self.options.keep_for = time;
        Ok(self)
    }

    /// How long a key stays held if the server is killed and can't renew the lease; by default 30
    /// seconds. While a request is in progress, its lease is renewed after each third of this time.
    ///
    /// # Errors
    ///
    /// If it is shorter than a second.
    pub fn lease(mut self, time: Duration) -> Result<Self, ConfigError> {
        if time < Duration::from_secs(1) {
            return Err(error("a lease has to be at least a second long"));
        }
        self.options.lease = time;
        Ok(self)
    }

    /// The time limit for the handler of a request with a key; by default 60 seconds. After it, the
    /// handler is dropped, the answer is 504, and the key is freed.
    ///
    /// # Errors
    ///
    /// If it is 0.
    pub fn time_limit(mut self, time: Duration) -> Result<Self, ConfigError> {
        if time.is_zero() {
            return Err(error("with a time limit of 0 no request would be answered"));
        }
        self.options.time_limit = time;
        Ok(self)
    }

    /// How many requests with a key can be in progress at the same time; by default 1,024. Further
    /// ones are answered 503.
    ///
    /// # Errors
    ///
    /// If it is 0.
    pub fn max_tasks(mut self, max_tasks: usize) -> Result<Self, ConfigError> {
        if max_tasks == 0 {
            return Err(error("a limit of 0 tasks would reject every request"));
        }
        self.options.max_tasks = max_tasks;
        Ok(self)
    }
}

ipv6_prefix!(Idempotency);

/// Whether an answer is kept by default.
const fn is_kept(status: StatusCode) -> bool {
    !matches!(
        status.as_u16(),
        400 | 401 | 403 | 408 | 409 | 412 | 413 | 415 | 422 | 425 | 428 | 429 | 503
    )
}

impl Key for Everybody {
    type Value = ();
    type Stage = stage::Throttle;
    type Needs = ();

    fn of(&self, _: &mut Parts) -> Result<(), Problem> {
        Ok(())
    }

    fn describe(&self, layer: Description) -> Description {
        layer
    }
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Idempotency", message)
}

/// Omits the scope and the store.
impl<K> fmt::Debug for Idempotency<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.options.fmt(f)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency")
            .field("methods", &self.methods)
            .field("is_required", &self.is_required)
            .field("max_body_bytes", &self.max_body_bytes)
            .field("max_answer_bytes", &self.max_answer_bytes)
            .field("keep_for", &self.keep_for)
            .field("lease", &self.lease)
            .field("time_limit", &self.time_limit)
            .field("max_tasks", &self.max_tasks)
            .finish_non_exhaustive()
    }
}
