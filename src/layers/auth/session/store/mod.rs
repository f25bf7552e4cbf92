//! Session stores: [`SessionStore`].

mod memory;
mod record;
#[cfg(feature = "session-redis")]
mod redis;

use std::{error::Error, future::Future, sync::Arc, time::SystemTime};

use bytes::Bytes;

#[cfg(feature = "session-redis")]
pub use self::redis::{RedisSessions, RedisSessionsMetrics};
pub use self::{
    memory::MemorySessions,
    record::{SessionId, SessionOwner, SessionRecord, SessionStoreError},
};

/// Where the server keeps sessions: [`MemorySessions`], `RedisSessions` with the feature
/// `session-redis`, or your own.
///
/// A store gets a hash of the secret in the cookie, never the cookie itself: somebody who reads a
/// store, or a backup of it, cannot continue a session. The data of a session is an opaque sequence of
/// bytes to the store; it is not encrypted.
///
/// # Example: a store of your own
///
/// This one is a map, with the SQL of each method as a comment. The table would be
/// `sessions (id bytea primary key, data bytea, expires timestamptz, owner bytea)`, with indexes on
/// `expires` and `owner`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{
///     collections::{HashMap, hash_map::Entry},
///     sync::Mutex,
///     time::{Duration, SystemTime},
/// };
///
/// use bytes::Bytes;
/// use wythe::auth::{
///     SessionId, SessionOwner, SessionRecord, SessionStore, SessionsByOwner,
/// };
///
/// #[derive(Default)]
/// struct Rows(Mutex<HashMap<SessionId, SessionRecord>>);
///
/// impl SessionStore for Rows {
///     type Error = &'static str;
///
///     // select data, expires, owner from sessions where id = $1 and expires > now()
///     async fn load(&self, id: &SessionId) -> Result<Option<SessionRecord>, Self::Error> {
///         let rows = self.0.lock().map_err(|_| "poisoned")?;
///         let row = rows.get(id).filter(|row| row.expires > SystemTime::now());
///         Ok(row.cloned())
///     }
///
///     // insert into sessions (id, data, expires, owner) values ($1, $2, $3, $4)
///     async fn insert(&self, id: SessionId, row: SessionRecord) -> Result<(), Self::Error> {
///         match self.0.lock().map_err(|_| "poisoned")?.entry(id) {
///             Entry::Occupied(_) => Err("duplicate key"),
///             Entry::Vacant(free) => {
///                 free.insert(row);
///                 Ok(())
///             }
///         }
///     }
///
///     // update sessions set data = $3 where id = $1 and data = $2 and expires > now()
///     // One statement, without `on conflict`: a removed session must not come back.
///     async fn update(
///         &self,
///         id: &SessionId,
///         from: &Bytes,
///         to: Bytes,
///     ) -> Result<bool, Self::Error> {
///         let mut rows = self.0.lock().map_err(|_| "poisoned")?;
///         let row = rows.get_mut(id).filter(|row| row.expires > SystemTime::now());
///         let row = row.filter(|row| row.data == *from);
///         Ok(row.map(|row| row.data = to).is_some())
///     }
///
///     // update sessions set expires = $2 where id = $1 and expires > now()
///     async fn touch(&self, id: &SessionId, expires: SystemTime) -> Result<bool, Self::Error> {
///         let mut rows = self.0.lock().map_err(|_| "poisoned")?;
///         let row = rows.get_mut(id).filter(|row| row.expires > SystemTime::now());
///         Ok(row.map(|row| row.expires = expires).is_some())
///     }
///
///     // delete from sessions where id = $1 and expires > now()
///     async fn remove(&self, id: &SessionId) -> Result<bool, Self::Error> {
///         let row = self.0.lock().map_err(|_| "poisoned")?.remove(id);
///         Ok(row.is_some_and(|row| row.expires > SystemTime::now()))
///     }
/// }
///
/// impl SessionsByOwner for Rows {
///     // delete from sessions where owner = $1
///     async fn remove_owned(&self, owner: &SessionOwner) -> Result<u64, Self::Error> {
///         let mut rows = self.0.lock().map_err(|_| "poisoned")?;
///         Ok(rows.extract_if(|_, row| row.owner.as_ref() == Some(owner)).count() as u64)
///     }
/// }
///
/// // What every store must do:
/// let store = Rows::default();
/// let (id, alice) = (SessionId::from_bytes([7; 32]), SessionOwner::new("alice"));
/// let in_an_hour = SystemTime::now() + Duration::from_secs(3_600);
/// let session = SessionRecord::new("any bytes".into(), in_an_hour).owned_by(alice);
/// store.insert(id, session.clone()).await?;
/// assert_eq!(store.load(&id).await?, Some(session.clone()));
/// let both = store.load_all(&[SessionId::from_bytes([8; 32]), id]).await?;
/// assert_eq!(both, [None, Some(session.clone())]);
/// assert!(store.insert(id, session.clone()).await.is_err());
///
/// assert!(store.update(&id, &session.data, "others".into()).await?);
/// assert!(!store.update(&id, &session.data, "lost".into()).await?);
/// assert!(store.touch(&id, in_an_hour + Duration::from_secs(60)).await?);
/// let changed = store.load(&id).await?.expect("it is there");
/// assert_eq!(changed.data, "others");
/// assert_eq!(changed.expires, in_an_hour + Duration::from_secs(60));
/// assert_eq!(changed.owner, Some(alice));
///
/// assert!(store.remove(&id).await?);
/// assert!(!store.remove(&id).await?);
/// assert!(!store.update(&id, &changed.data, "others".into()).await?);
/// assert!(!store.touch(&id, in_an_hour).await?);
/// assert_eq!(store.load(&id).await?, None);
///
/// store.insert(id, session.clone()).await?;
/// assert_eq!(store.remove_owned(&alice).await?, 1);
/// assert_eq!(store.load(&id).await?, None);
///
/// let over = SessionRecord::new("any bytes".into(), SystemTime::now());
/// store.insert(id, over.clone()).await?;
/// assert_eq!(store.load(&id).await?, None);
/// assert!(!store.update(&id, &over.data, "others".into()).await?);
/// assert!(!store.touch(&id, in_an_hour).await?);
/// # Ok(()) }
/// ```
///
/// A database also has to delete expired sessions from time to time:
/// `delete from sessions where expires < now()`.
///
/// # Security
///
/// - A session that has ended must stay ended: neither [`update`](Self::update) nor
///   [`touch`](Self::touch) restores one that was [removed](Self::remove) while a request was in
///   progress. Of two concurrent removals, only one returns `true`: this is how a session continues
///   under another id only if it had not ended.
/// - Requests of one session run concurrently. `update` changes only the data and `touch` only the
///   expiry, each atomically, so that neither undoes the other: a store that reads a record, changes
///   it and writes all of it back loses changes. `update` compares in the same atomic step, so that no
///   change of the data undoes another.
/// - A store that is not available returns an error, never "no session": that would sign users out.
/// - No request should wait for long: the store needs a timeout.
/// - Reads must see all earlier writes: a lagging replica would return sessions that have ended.
pub trait SessionStore: Send + Sync + 'static {
    /// Why an operation failed: the request is answered 503, unless only [`touch`](Self::touch) failed.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// The session with this id; `None` if it never existed, was removed, or has expired.
    fn load(
        &self,
        id: &SessionId,
    ) -> impl Future<Output = Result<Option<SessionRecord>, Self::Error>> + Send;

    /// The sessions with these ids, in this order: up to four, from the cookies of one request;
    /// usually all but one have ended. Implement it as a single query, such as `where id = any($1)`;
    /// by default, each session is [loaded](Self::load) separately.
    fn load_all(
        &self,
        ids: &[SessionId],
    ) -> impl Future<Output = Result<Vec<Option<SessionRecord>>, Self::Error>> + Send {
        async move {
            let mut records = Vec::with_capacity(ids.len());
            for id in ids {
                records.push(self.load(id).await?);
            }
            Ok(records)
        }
    }

    /// Inserts a new session. Ids are random: an id that already exists is an error.
    fn insert(
        &self,
        id: SessionId,
        record: SessionRecord,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Changes the data of a session from `from` to `to`, and nothing else. If the session does not
    /// exist, or has other data, it does nothing and returns `false`. Comparing and changing must be
    /// one atomic step.
    fn update(
        &self,
        id: &SessionId,
        from: &Bytes,
        to: Bytes,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Changes the expiry of a session, and nothing else. If the session does not exist, it does nothing
    /// and returns `false`. This is how the use of a session is noted.
    ///
    /// From then on the record is loaded with this expiry, exact to at least a second.
    fn touch(
        &self,
        id: &SessionId,
        expires: SystemTime,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Ends a session, and returns whether it existed. If it did not exist, it had already ended.
    fn remove(&self, id: &SessionId) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

/// A store that can end all sessions of a user at once, for example after a change of the password.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::{Duration, SystemTime};
///
/// use wythe::auth::{
///     MemorySessions, SessionId, SessionOwner, SessionRecord, SessionStore, SessionsByOwner,
/// };
///
/// let sessions = MemorySessions::default();
/// let alice = SessionOwner::new("user-17");
/// let in_an_hour = SystemTime::now() + Duration::from_secs(3_600);
/// for device in [1, 2] {
///     let session = SessionRecord::new("".into(), in_an_hour).owned_by(alice);
///     sessions.insert(SessionId::from_bytes([device; 32]), session).await?;
/// }
/// assert_eq!(sessions.remove_owned(&alice).await?, 2);
/// # Ok(()) }
/// ```
///
/// This is a separate trait so that "sign out everywhere" does not compile, instead of doing nothing,
/// if the store cannot do it.
pub trait SessionsByOwner: SessionStore {
    /// Ends all sessions that were inserted as [owned](SessionRecord::owned_by) by this owner, and
    /// returns how many.
    ///
    /// Change the password first: a sign-in that has already checked the old one may insert its
    /// session a moment later. If the user should stay signed in, begin a new session afterwards. If
    /// the future is dropped before it completes, some sessions are left: run it in its own task if
    /// the client may disconnect.
    fn remove_owned(
        &self,
        owner: &SessionOwner,
    ) -> impl Future<Output = Result<u64, Self::Error>> + Send;
}

impl<S: SessionStore> SessionStore for Arc<S> {
    type Error = S::Error;

    fn load(
        &self,
        id: &SessionId,
    ) -> impl Future<Output = Result<Option<SessionRecord>, S::Error>> + Send {
        S::load(self, id)
    }

    fn load_all(
        &self,
        ids: &[SessionId],
    ) -> impl Future<Output = Result<Vec<Option<SessionRecord>>, S::Error>> + Send {
        S::load_all(self, ids)
    }

    fn insert(
        &self,
        id: SessionId,
        record: SessionRecord,
    ) -> impl Future<Output = Result<(), S::Error>> + Send {
        S::insert(self, id, record)
    }

    fn update(
        &self,
        id: &SessionId,
        from: &Bytes,
        to: Bytes,
    ) -> impl Future<Output = Result<bool, S::Error>> + Send {
        S::update(self, id, from, to)
    }

    fn touch(
        &self,
        id: &SessionId,
        expires: SystemTime,
    ) -> impl Future<Output = Result<bool, S::Error>> + Send {
        S::touch(self, id, expires)
    }

    fn remove(&self, id: &SessionId) -> impl Future<Output = Result<bool, S::Error>> + Send {
        S::remove(self, id)
    }
}

impl<S: SessionsByOwner> SessionsByOwner for Arc<S> {
    fn remove_owned(
        &self,
        owner: &SessionOwner,
    ) -> impl Future<Output = Result<u64, S::Error>> + Send {
        S::remove_owned(self, owner)
    }
}
