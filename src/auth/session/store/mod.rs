//! Keeps sessions in the server: [`SessionStore`].

use std::{error::Error, fmt, future::Future, time::SystemTime};

use bytes::Bytes;

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

/// What a store keeps of a session, and until when.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionRecord {
    /// Bytes that only the scheme reads.
    pub data: Bytes,
    /// From then on the store may forget it, and does not hand it out.
    pub expires: SystemTime,
}

impl SessionRecord {
    /// A record.
    #[must_use]
    pub const fn new(data: Bytes, expires: SystemTime) -> Self {
        Self { data, expires }
    }
}

impl fmt::Debug for SessionRecord {
    /// Not the data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord")
            .field("bytes", &self.data.len())
            .field("expires", &self.expires)
            .finish()
    }
}

/// Under what a store finds a session: the SHA-256 of the secret that the cookie holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[must_use]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// An id from its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}
