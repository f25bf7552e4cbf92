//! Keeps sessions in the server: [`SessionStore`].

mod error;
mod memory;
mod record;
#[cfg(feature = "session-redis")]
mod redis;
mod time;

use std::{error::Error, future::Future, sync::Arc, time::SystemTime};

use bytes::Bytes;

#[cfg(feature = "session-redis")]
pub use self::redis::{RedisSessions, RedisSessionsMetrics};
pub use self::{
    error::SessionStoreError,
    memory::MemorySessions,
    record::{SessionId, SessionOwner, SessionRecord},
};

/// Where the server keeps sessions: [`MemorySessions`], `RedisSessions` with the feature
/// `session-redis`, or your own.
///
/// A store sees the hash of what the cookie holds, never the cookie itself: whoever reads a store,
/// or a backup of it, can't continue anybody's session. What it keeps under a hash are bytes that
/// it has no need to understand; they are not encrypted.
///
/// # Example: a store of your own
///
/// Here a map, with what each method is in SQL. The table is `sessions (id bytea primary key, data
/// bytea, expires timestamptz, owner bytea)`, with indexes by `expires` and `owner`.
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
///     // update sessions set data = $2 where id = $1 and expires > now()
///     // One statement, and no `on conflict`: what was removed must not come back.
///     async fn update(&self, id: &SessionId, data: Bytes) -> Result<bool, Self::Error> {
///         let mut rows = self.0.lock().map_err(|_| "poisoned")?;
///         let row = rows.get_mut(id).filter(|row| row.expires > SystemTime::now());
///         Ok(row.map(|row| row.data = data).is_some())
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
/// // What any store has to do:
/// let store = Rows::default();
/// let (id, alice) = (SessionId::from_bytes([7; 32]), SessionOwner::new("alice"));
/// let in_an_hour = SystemTime::now() + Duration::from_secs(3_600);
/// let session = SessionRecord::new("any bytes".into(), in_an_hour).owned_by(alice);
/// store.insert(id, session.clone()).await?;
/// assert_eq!(store.load(&id).await?, Some(session.clone()));
/// assert!(store.insert(id, session.clone()).await.is_err());
///
/// assert!(store.update(&id, "others".into()).await?);
/// assert!(store.touch(&id, in_an_hour + Duration::from_secs(60)).await?);
/// let changed = store.load(&id).await?.expect("it is there");
/// assert_eq!(changed.data, "others");
/// assert_eq!(changed.expires, in_an_hour + Duration::from_secs(60));
/// assert_eq!(changed.owner, Some(alice));
///
/// assert!(store.remove(&id).await?);
/// assert!(!store.remove(&id).await?);
/// assert!(!store.update(&id, "others".into()).await?);
/// assert!(!store.touch(&id, in_an_hour).await?);
/// assert_eq!(store.load(&id).await?, None);
///
/// store.insert(id, session.clone()).await?;
/// assert_eq!(store.remove_owned(&alice).await?, 1);
/// assert_eq!(store.load(&id).await?, None);
///
/// let over = SessionRecord::new("any bytes".into(), SystemTime::now());
/// store.insert(id, over).await?;
/// assert_eq!(store.load(&id).await?, None);
/// assert!(!store.update(&id, "others".into()).await?);
/// assert!(!store.touch(&id, in_an_hour).await?);
/// # Ok(()) }
/// ```
///
/// A database also has to delete what is over, now and then:
/// `delete from sessions where expires < now()`.
///
/// # Security
///
/// - A session that has ended must stay ended: neither [`update`](Self::update) nor
///   [`touch`](Self::touch) brings one back that was [removed](Self::remove) while a request was
///   under way. Of two removals at once, one alone says `true`: a session goes on under another id
///   only if its own was still there.
/// - Requests of one session run at once. `update` changes nothing but the data and `touch` nothing
///   but the end, each in one step, so that neither undoes the other: a store that reads a record,
///   changes it and writes all of it back loses changes.
/// - A store that can't be asked is an error, and never "no session": that would sign people out.
/// - No request should wait for long: the store has a timeout of its own.
/// - What was written is read: a replica that is behind would hand out sessions that have ended.
pub trait SessionStore: Send + Sync + 'static {
    /// Why the store can't be asked: the request is answered 503.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// The session of this id; none, if it was never there, was removed, or its time is over.
    fn load(
        &self,
        id: &SessionId,
    ) -> impl Future<Output = Result<Option<SessionRecord>, Self::Error>> + Send;

    /// Keeps a new session. Ids are random, so that one that is there already is an error.
    fn insert(
        &self,
        id: SessionId,
        record: SessionRecord,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Changes the data of a session that is still there, and nothing else; otherwise it does
    /// nothing and says `false`.
    fn update(
        &self,
        id: &SessionId,
        data: Bytes,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Changes when a session ends that is still there, and nothing else; otherwise it does nothing
    /// and says `false`. It is asked for when the session was used: there its last use is noted.
    ///
    /// From then on the record is loaded with this time, exact to the second at least.
    fn touch(
        &self,
        id: &SessionId,
        expires: SystemTime,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Ends a session, and says whether it was still there. One that is not has ended already.
    fn remove(&self, id: &SessionId) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

/// A store that can end all sessions of a user at once, after a change of the password say.
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
/// It is a trait of its own so that "sign out everywhere" with a store that can't do it does not
/// compile, instead of doing nothing.
pub trait SessionsByOwner: SessionStore {
    /// Ends all sessions that were inserted as [owned](SessionRecord::owned_by) by this owner, and
    /// says how many.
    ///
    /// Change the password first: a sign-in that has checked the old one may be kept a moment
    /// later. To stay signed in oneself, sign in anew afterwards. If the future is dropped before
    /// its end, some are left: a task of its own goes on when the client does not wait.
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
        data: Bytes,
    ) -> impl Future<Output = Result<bool, S::Error>> + Send {
        S::update(self, id, data)
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
