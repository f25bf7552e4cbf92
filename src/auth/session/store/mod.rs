//! Keeps sessions in the server: [`SessionStore`].

mod error;
mod memory;
mod record;
#[cfg(feature = "session-redis")]
mod redis;
mod time;

use std::{error::Error, future::Future, sync::Arc};

#[cfg(feature = "session-redis")]
pub use self::redis::{RedisSessions, RedisSessionsMetrics};
pub use self::{
    error::SessionStoreError,
    memory::MemorySessions,
    record::{SessionId, SessionOwner, SessionRecord},
};

/// Where the server keeps sessions.
///
/// A store sees the hash of what the cookie holds, never the cookie itself: whoever reads a store,
/// or a backup of it, can't continue anybody's session. What it keeps under a hash are bytes that
/// it has no need to understand.
///
/// A session that has ended must stay ended: [`update`](Self::update) never brings one back that
/// was [removed](Self::remove) while a request was under way.
pub trait SessionStore: Send + Sync + 'static {
    /// Why the store can't be asked: the request is answered 503.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// The session of this id; none, if it was never there, was removed, or its time is over.
    fn load(
        &self,
        id: &SessionId,
    ) -> impl Future<Output = Result<Option<SessionRecord>, Self::Error>> + Send;

    /// Keeps a new session.
    fn insert(
        &self,
        id: SessionId,
        record: SessionRecord,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Keeps a session anew that is still there; otherwise it does nothing and says `false`.
    fn update(
        &self,
        id: &SessionId,
        record: SessionRecord,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Ends a session. One that is not there has ended already.
    fn remove(&self, id: &SessionId) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// A store that can end all sessions of a user at once, after a change of the password say.
///
/// It is a trait of its own so that "sign out everywhere" with a store that can't do it does not
/// compile, instead of doing nothing.
pub trait SessionsByOwner: SessionStore {
    /// Ends all sessions that were inserted as [owned](SessionRecord::owned_by) by this owner, and
    /// says how many.
    ///
    /// Change the password first: a sign-in that has checked the old one may be kept a moment
    /// later.
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
        record: SessionRecord,
    ) -> impl Future<Output = Result<bool, S::Error>> + Send {
        S::update(self, id, record)
    }

    fn remove(&self, id: &SessionId) -> impl Future<Output = Result<(), S::Error>> + Send {
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
