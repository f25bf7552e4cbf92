//! What stores keep: [`SessionRecord`], [`SessionId`] and [`SessionOwner`].

use std::{fmt, time::SystemTime};

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// What a store keeps of a session, and until when.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionRecord {
    /// Bytes that only the scheme reads.
    pub data: Bytes,
    /// From then on the store may forget it, and does not hand it out.
    pub expires: SystemTime,
    /// Whose it is, if all sessions of somebody may have to end at once: see
    /// [`SessionsByOwner`](super::SessionsByOwner). It stays the same for as long as the session
    /// is there; a store that has no use for it hands it out all the same, or `None`.
    pub owner: Option<SessionOwner>,
}

impl SessionRecord {
    /// A record of nobody in particular.
    #[must_use]
    pub const fn new(data: Bytes, expires: SystemTime) -> Self {
        Self {
            data,
            expires,
            owner: None,
        }
    }

    /// Says whose session it is.
    #[must_use]
    pub const fn owned_by(mut self, owner: SessionOwner) -> Self {
        self.owner = Some(owner);
        self
    }
}

impl fmt::Debug for SessionRecord {
    /// Neither the data nor the owner.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord")
            .field("bytes", &self.data.len())
            .field("expires", &self.expires)
            .field("owned", &self.owner.is_some())
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

/// Whose sessions they are: the SHA-256 of what identifies a user.
///
/// No name of a user is in the store, but whoever reads it can compute the hash of a name or
/// number that they guess.
///
/// # Example
///
/// ```
/// use wythe::auth::SessionOwner;
///
/// assert_eq!(SessionOwner::new("user-17"), SessionOwner::new(b"user-17"));
/// assert_ne!(SessionOwner::new("user-17"), SessionOwner::new("user-18"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[must_use]
pub struct SessionOwner([u8; 32]);

impl SessionOwner {
    /// The owner with this name or number, which must never become another user's.
    pub fn new(name: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(name.as_ref()).into())
    }

    /// An owner from the bytes of the hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SessionOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionOwner(..)")
    }
}
