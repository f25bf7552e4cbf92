//! Where sessions are kept: encrypted in their cookies, or in a store.

use std::{
    fmt,
    future::Future,
    hint::black_box,
    iter,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use cookie::{Cookie, CookieJar, Key};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use super::{
    SessionRefusal,
    lifetime::{Lifetime, Times},
    store::{SessionId, SessionOwner, SessionRecord, SessionStore, SessionStoreError},
    text::{self, Text},
};
use crate::{
    contract::Later,
    support::weak_key::check_key,
    wire::{BoxError, ConfigError, Problem, cookies::set_cookie::SetCookie},
};

#[derive(Clone)]
pub(super) enum Backend {
    Encrypted(Keys),
    Stored(Stored),
}

/// Marks [`Sessions`](super::Sessions) that are known to be in a store: their data can be
/// [changed](super::Sessions::update).
#[derive(Clone)]
pub struct Stored(Arc<dyn DynStore>);

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stored(..)")
    }
}

/// A session as loaded from its backend.
pub(super) struct Loaded {
    text: Zeroizing<String>,
    origin: Origin,
}

enum Origin {
    Cookie {
        keys: Keys,
        /// Whether it was encrypted with a key other than the first.
        old_key: bool,
    },
    Store {
        store: Arc<dyn DynStore>,
        secret: Secret,
        expires: SystemTime,
        owner: Option<SessionOwner>,
    },
}

/// For each of several cookies: its session, or why it was refused.
pub(super) type LoadedSessions = Vec<Result<Loaded, SessionRefusal>>;

/// Why a backend did not return a session.
pub(super) enum LoadError {
    Refused(SessionRefusal),
    /// The store failed, which says nothing about the session.
    Failed(BoxError),
}

impl Backend {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Encrypted(_) => "encrypted",
            Self::Stored(_) => "stored",
        }
    }

    /// Whether it queries a store, which can fail.
    pub(super) const fn is_stored(&self) -> bool {
        matches!(self, Self::Stored(_))
    }

    /// How long a browser keeps the cookie. A store ends an unused session by itself, so its cookie may
    /// stay until the session ends at the latest: not every response can renew it.
    pub(super) fn max_age(&self, lifetime: Lifetime, times: Times) -> Duration {
        match self {
            Self::Encrypted(_) => lifetime.left(times),
            Self::Stored(_) => lifetime.left_at_most(times),
        }
    }

    /// The id of a cookie's session, whether it has ended or not.
    pub(super) fn id(&self, cookie: &SetCookie, value: &[u8]) -> Option<SessionId> {
        match self {
            Self::Encrypted(keys) => {
                let (text, _) = keys.decrypt(cookie, value)?;
                Text::parse(&text).map(|text| text.id)
            }
            Self::Stored(_) => Secret::parse(value).map(|secret| secret.id()),
        }
    }

    /// The session of a cookie.
    pub(super) fn load(
        &self,
        cookie: &SetCookie,
        value: &[u8],
    ) -> Later<Result<Loaded, LoadError>> {
        let unreadable = Later::Ready(Err(LoadError::Refused(SessionRefusal::Unreadable)));
        match self {
            Self::Encrypted(keys) => {
                let Some((text, old_key)) = keys.decrypt(cookie, value) else {
                    return unreadable;
                };
                let keys = keys.clone();
                let origin = Origin::Cookie { keys, old_key };
                Later::Ready(Ok(Loaded { text, origin }))
            }
            Self::Stored(store) => {
                let Some(secret) = Secret::parse(value) else {
                    return unreadable;
                };
                Later::Pending(Arc::clone(&store.0).load(secret))
            }
        }
    }

    /// The sessions of several cookies, in one query to the store.
    pub(super) fn load_all(
        &self,
        cookie: &SetCookie,
        values: &[&[u8]],
    ) -> Later<Result<LoadedSessions, BoxError>> {
        match self {
            Self::Encrypted(_) => {
                let sessions = values.iter().map(|value| match self.load(cookie, value) {
                    Later::Ready(Ok(loaded)) => Ok(loaded),
                    _ => Err(SessionRefusal::Unreadable),
                });
                Later::Ready(Ok(sessions.collect()))
            }
            Self::Stored(store) => {
                let secrets: Vec<_> = values
                    .iter()
                    .filter_map(|value| Secret::parse(value))
                    .collect();
                if secrets.is_empty() {
                    return Later::Ready(Ok(vec![Err(SessionRefusal::Unreadable)]));
                }
                Later::Pending(Arc::clone(&store.0).load_all(secrets))
            }
        }
    }

    /// Begins a session: returns its id and the value of its cookie.
    pub(super) async fn begin(
        &self,
        cookie: &SetCookie,
        times: Times,
        lifetime: Lifetime,
        owner: Option<SessionOwner>,
        data: &str,
    ) -> Result<(SessionId, String), Problem> {
        match self {
            Self::Encrypted(keys) => {
                let id = SessionId::from_bytes(*random()?);
                let text = Text { id, times, data }.write();
                Ok((id, keys.encrypt(cookie, text)?))
            }
            Self::Stored(store) => {
                let secret = Secret(random()?);
                let id = secret.id();
                let text = Text { id, times, data }.write();
                let record = SessionRecord {
                    owner,
                    ..SessionRecord::new(text.into(), lifetime.ends(times))
                };
                store.0.insert(id, record).await.map_err(failed)?;
                Ok((id, secret.write()))
            }
        }
    }

    /// Ends a session. Returns whether it was still there, as far as this can be known.
    pub(super) async fn end(&self, id: &SessionId) -> Result<bool, Problem> {
        match self {
            Self::Encrypted(_) => Ok(true),
            Self::Stored(store) => store.0.remove(id).await.map_err(failed),
        }
    }
}

impl Stored {
    pub(super) fn new(store: impl SessionStore) -> Self {
        Self(Arc::new(store))
    }

    /// The record of a session, if it has not ended.
    pub(super) async fn find(&self, id: &SessionId) -> Result<Option<SessionRecord>, Problem> {
        self.0.find(id).await.map_err(failed)
    }

    /// Changes the data of a session from `from` to `to`. Returns whether the session had the data
    /// `from`.
    pub(super) async fn update(
        &self,
        id: &SessionId,
        from: &Bytes,
        to: Bytes,
    ) -> Result<bool, Problem> {
        self.0.update(id, from, to).await.map_err(failed)
    }
}

impl Loaded {
    /// A session as a store has it.
    fn from_store(
        store: Arc<dyn DynStore>,
        secret: Secret,
        record: Option<SessionRecord>,
    ) -> Result<Self, SessionRefusal> {
        let record = record.ok_or(SessionRefusal::Unknown)?;
        let text = String::from_utf8(record.data.into());
        let text = text.or(Err(SessionRefusal::Unreadable))?;
        Ok(Self {
            text: Zeroizing::new(text),
            origin: Origin::Store {
                store,
                secret,
                expires: record.expires,
                owner: record.owner,
            },
        })
    }

    /// The session, with the time of its last use.
    pub(super) fn parse(&self, lifetime: Lifetime, now: u64) -> Option<Text<'_>> {
        let mut text = Text::parse(&self.text)?;
        if let Origin::Store {
            secret, expires, ..
        } = &self.origin
        {
            if text.id != secret.id() {
                return None;
            }
            text.times = lifetime.noted(text.times, *expires, now);
        }
        Some(text)
    }

    pub(super) const fn owner(&self) -> Option<SessionOwner> {
        match self.origin {
            Origin::Cookie { .. } => None,
            Origin::Store { owner, .. } => owner,
        }
    }

    /// Whether the cookie should be re-encrypted with the first key.
    pub(super) const fn has_old_key(&self) -> bool {
        matches!(self.origin, Origin::Cookie { old_key: true, .. })
    }

    /// Notes that the session was used. Returns the value of the renewed cookie, or `None` if it
    /// cannot be encrypted.
    pub(super) fn renew(
        self,
        cookie: &SetCookie,
        times: Times,
        lifetime: Lifetime,
    ) -> Later<Result<Option<String>, LoadError>> {
        match self.origin {
            Origin::Cookie { keys, .. } => {
                let value = Text::parse(&self.text).and_then(|text| {
                    let text = Text { times, ..text }.write();
                    keys.encrypt(cookie, text).ok()
                });
                Later::Ready(Ok(value))
            }
            Origin::Store { store, secret, .. } => {
                Later::Pending(store.touch(secret, lifetime.ends(times)))
            }
        }
    }
}

/// The answer when a store fails: a 503, unless a retry cannot help.
fn failed(cause: BoxError) -> Problem {
    let store = cause.downcast_ref::<SessionStoreError>();
    if store.is_some_and(SessionStoreError::is_too_long) {
        return Problem::internal(cause);
    }
    Problem::unavailable(cause)
}

/// Random bytes that nobody can guess.
fn random() -> Result<Zeroizing<[u8; 32]>, Problem> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut()).map_err(Problem::internal)?;
    Ok(bytes)
}

/// A key that encrypts sessions: see [`Sessions::encrypted`](super::Sessions::encrypted).
///
/// # Example
///
/// ```
/// use wythe::auth::SessionKey;
///
/// let key = SessionKey::new(b"thirty-two bytes of a secret, or more")?;
/// assert_eq!(format!("{key:?}"), "SessionKey(..)");
/// assert!(SessionKey::new("short").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Security
///
/// Anybody who has the key can sign in as any user: use at least 32 random bytes, for example from
/// `openssl rand -hex 32`, and keep them out of the repository. The key is overwritten when it is
/// dropped; copies that the cipher makes on the stack are not.
#[must_use]
pub struct SessionKey(Box<Key>);

impl SessionKey {
    /// Separates session keys from other keys that are derived from the same secret.
    const PURPOSE: &[u8] = b"wythe session cookie 1\0";

    /// A key derived from at least 32 bytes that nobody can guess. All of the bytes count.
    ///
    /// # Errors
    ///
    /// If there are fewer bytes, or one byte is repeated.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        check_key("SessionKey", "the key", secret, 32)?;
        // Given a longer secret, the cipher would use only part of it.
        let mut hash = Sha512::new_with_prefix(Self::PURPOSE);
        hash.update(secret);
        let bytes = Zeroizing::new(<[u8; 64]>::from(hash.finalize()));
        let key = Key::try_from(bytes.as_slice()).map_err(|source| {
            ConfigError::new("SessionKey", "the key cannot be used").because(source)
        })?;
        Ok(Self(Box::new(key)))
    }
}

impl Drop for SessionKey {
    fn drop(&mut self) {
        if let Ok(zero) = Key::try_from([0; 64].as_slice()) {
            *self.0 = zero;
            // Keeps the compiler from removing the assignment.
            black_box(&self.0);
        }
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// The first key encrypts, and all of them decrypt. This is the private jar of `cookie`: AES-256-GCM
/// with a random nonce, bound to the cookie's name.
#[derive(Clone)]
pub(super) struct Keys(Arc<[SessionKey]>);

impl Keys {
    pub(super) fn new(keys: Vec<SessionKey>) -> Option<Self> {
        (!keys.is_empty()).then(|| Self(keys.into()))
    }

    fn encrypt(&self, cookie: &SetCookie, text: String) -> Result<String, Problem> {
        let mut jar = CookieJar::new();
        if let Some(SessionKey(key)) = self.0.first() {
            let plain = Cookie::new(cookie.name().to_owned(), text);
            jar.private_mut(key).add(plain);
        }
        let encrypted = jar.get(cookie.name());
        let encrypted = encrypted.ok_or_else(|| Problem::internal("the session was not encrypted"));
        Ok(to_base64url(encrypted?.value()))
    }

    /// The text in a cookie, and whether it was encrypted with a key other than the first.
    fn decrypt(&self, cookie: &SetCookie, value: &[u8]) -> Option<(Zeroizing<String>, bool)> {
        let value = str::from_utf8(value).ok()?;
        let mut keys = self.0.iter().enumerate();
        keys.find_map(|(at, SessionKey(key))| {
            let encrypted = Cookie::new(cookie.name().to_owned(), from_base64url(value)?);
            let decrypted = CookieJar::new().private(key).decrypt(encrypted)?;
            Some((Zeroizing::new(decrypted.value().to_owned()), at > 0))
        })
    }
}

/// The jar writes base64. Frameworks and proxies that percent-encode cookies change its `+`, `/` and
/// `=`, but leave unpadded base64url unchanged.
fn to_base64url(base64: &str) -> String {
    let digits = base64.trim_end_matches('=');
    let mut text = String::with_capacity(digits.len());
    text.extend(digits.chars().map(|digit| match digit {
        '+' => '-',
        '/' => '_',
        digit => digit,
    }));
    text
}

/// The inverse; each session has only one valid encoding.
fn from_base64url(value: &str) -> Option<String> {
    if value.contains(['+', '/', '=']) {
        return None;
    }
    let length = value.len().next_multiple_of(4);
    let mut text = String::with_capacity(length);
    text.extend(value.chars().map(|digit| match digit {
        '-' => '+',
        '_' => '/',
        digit => digit,
    }));
    text.extend(iter::repeat_n('=', length.saturating_sub(value.len())));
    Some(text)
}

/// The cookie of a stored session: 256 random bits, and nothing else.
pub(super) struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    fn parse(value: &[u8]) -> Option<Self> {
        text::decode(value).map(Self)
    }

    fn write(&self) -> String {
        text::encode(&self.0)
    }

    /// The id under which the store keeps the session. The secret cannot be computed from it.
    fn id(&self) -> SessionId {
        SessionId::from_bytes(Sha256::digest(self.0.as_slice()).into())
    }
}

/// A store's future as a trait object.
type StoreFuture<'a, T, E = BoxError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// [`SessionStore`] as a trait object. A request waits for a single future, and so needs a single
/// allocation.
pub(super) trait DynStore: Send + Sync {
    fn load(self: Arc<Self>, secret: Secret) -> StoreFuture<'static, Loaded, LoadError>;

    /// The same for several secrets, in their order.
    fn load_all(self: Arc<Self>, secrets: Vec<Secret>) -> StoreFuture<'static, LoadedSessions>;

    /// Notes that the session was used, and returns the value of its cookie.
    fn touch(
        self: Arc<Self>,
        secret: Secret,
        expires: SystemTime,
    ) -> StoreFuture<'static, Option<String>, LoadError>;

    fn insert(&self, id: SessionId, record: SessionRecord) -> StoreFuture<'_, ()>;
    fn find<'a>(&'a self, id: &'a SessionId) -> StoreFuture<'a, Option<SessionRecord>>;
    fn update<'a>(&'a self, id: &'a SessionId, from: &'a Bytes, to: Bytes)
    -> StoreFuture<'a, bool>;
    fn remove<'a>(&'a self, id: &'a SessionId) -> StoreFuture<'a, bool>;
}

impl<S: SessionStore> DynStore for S {
    fn load(self: Arc<Self>, secret: Secret) -> StoreFuture<'static, Loaded, LoadError> {
        Box::pin(async move {
            let record = SessionStore::load(&*self, &secret.id()).await;
            let record = record.map_err(|cause| LoadError::Failed(cause.into()))?;
            Loaded::from_store(self, secret, record).map_err(LoadError::Refused)
        })
    }

    fn load_all(self: Arc<Self>, secrets: Vec<Secret>) -> StoreFuture<'static, LoadedSessions> {
        Box::pin(async move {
            let ids: Vec<_> = secrets.iter().map(Secret::id).collect();
            let records = SessionStore::load_all(&*self, &ids).await;
            let mut records = records.map_err(Into::into)?.into_iter();
            let loaded = secrets.into_iter().map(|secret| {
                let record = records.next().flatten();
                Loaded::from_store(Arc::clone(&self) as Arc<dyn DynStore>, secret, record)
            });
            Ok(loaded.collect())
        })
    }

    fn touch(
        self: Arc<Self>,
        secret: Secret,
        expires: SystemTime,
    ) -> StoreFuture<'static, Option<String>, LoadError> {
        Box::pin(async move {
            match SessionStore::touch(&*self, &secret.id(), expires).await {
                Ok(true) => Ok(Some(secret.write())),
                // The session was ended while this request was in progress.
                Ok(false) => Err(LoadError::Refused(SessionRefusal::Unknown)),
                Err(cause) => Err(LoadError::Failed(cause.into())),
            }
        })
    }

    fn insert(&self, id: SessionId, record: SessionRecord) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let inserted = SessionStore::insert(self, id, record).await;
            inserted.map_err(Into::into)
        })
    }

    fn find<'a>(&'a self, id: &'a SessionId) -> StoreFuture<'a, Option<SessionRecord>> {
        Box::pin(async move { SessionStore::load(self, id).await.map_err(Into::into) })
    }

    fn update<'a>(
        &'a self,
        id: &'a SessionId,
        from: &'a Bytes,
        to: Bytes,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let updated = SessionStore::update(self, id, from, to).await;
            updated.map_err(Into::into)
        })
    }

    fn remove<'a>(&'a self, id: &'a SessionId) -> StoreFuture<'a, bool> {
        Box::pin(async move { SessionStore::remove(self, id).await.map_err(Into::into) })
    }
}
