//! What stores keep, and why they fail: [`SessionRecord`], [`SessionId`], [`SessionOwner`],
//! [`SessionStoreError`].

use std::{
    error::Error,
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

#[cfg(feature = "session-redis")]
use crate::support::redis::Failure;

/// The data that a store keeps for a session, and the time until which it keeps it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionRecord {
    /// Bytes that the store does not interpret.
    pub data: Bytes,
    /// When the session expires: from then on the store does not return it, and may delete it.
    pub expires: SystemTime,
    /// The owner, if it must be possible to end all sessions of a user at once: see
    /// [`SessionsByOwner`](super::SessionsByOwner). It never changes. A store that does not use it may
    /// return `None` instead.
    pub owner: Option<SessionOwner>,
}

impl SessionRecord {
    /// A record without an owner.
    #[must_use]
    pub const fn new(data: Bytes, expires: SystemTime) -> Self {
        Self {
            data,
            expires,
            owner: None,
        }
    }

    /// Sets the owner.
    #[must_use]
    pub const fn owned_by(mut self, owner: SessionOwner) -> Self {
        self.owner = Some(owner);
        self
    }
}

impl fmt::Debug for SessionRecord {
    /// Omits the data and the owner.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord")
            .field("bytes", &self.data.len())
            .field("expires", &self.expires)
            .field("owned", &self.owner.is_some())
            .finish()
    }
}

/// The key of a session in a store: the SHA-256 of the secret in the cookie.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[must_use]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// An id from its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
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

/// The owner of sessions: the SHA-256 of a value that identifies a user.
///
/// The store does not contain user names, but somebody who reads it can check guesses of names or
/// numbers against the hashes.
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
    /// The owner with this name or number, which must never be given to another user.
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

/// Why an operation of [`MemorySessions`](super::MemorySessions) or `RedisSessions` failed. It contains
/// no data of a session.
#[derive(Debug)]
pub struct SessionStoreError(StoreFailure);

#[derive(Debug)]
pub(super) enum StoreFailure {
    Full,
    TooLong {
        bytes: usize,
        max: usize,
    },
    Taken,
    Ending,
    #[cfg(feature = "session-redis")]
    Unreadable(&'static str),
    #[cfg(feature = "session-redis")]
    Server(Failure),
}

impl SessionStoreError {
    /// Whether there is no room for another session.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self.0, StoreFailure::Full)
    }

    /// Whether the data of the session is longer than the store allows.
    #[must_use]
    pub const fn is_too_long(&self) -> bool {
        matches!(self.0, StoreFailure::TooLong { .. })
    }
}

/// Checks the length of a record.
pub(super) const fn check_length(bytes: usize, max: usize) -> Result<(), SessionStoreError> {
    if bytes > max {
        return Err(SessionStoreError(StoreFailure::TooLong { bytes, max }));
    }
    Ok(())
}

impl From<StoreFailure> for SessionStoreError {
    fn from(kind: StoreFailure) -> Self {
        Self(kind)
    }
}

impl fmt::Display for SessionStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            StoreFailure::Full => f.write_str("there is no room for another session"),
            StoreFailure::TooLong { bytes, max } => {
                write!(
                    f,
                    "the data of the session have {bytes} bytes; the store allows at most {max}"
                )
            }
            StoreFailure::Taken => f.write_str("another session has this id"),
            StoreFailure::Ending => f.write_str("all sessions of this owner are being ended"),
            #[cfg(feature = "session-redis")]
            StoreFailure::Unreadable(what) => {
                write!(f, "the value of the session in Redis is {what}")
            }
            #[cfg(feature = "session-redis")]
            StoreFailure::Server(failure) => failure.fmt(f),
        }
    }
}

impl Error for SessionStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            #[cfg(feature = "session-redis")]
            StoreFailure::Server(Failure::Server(error)) => Some(error),
            _ => None,
        }
    }
}

// Times as the stores of this crate keep them: in nanoseconds.

/// Nanoseconds since 1970: 0 for times before, and the maximum for times after 2554.
pub(super) fn nanos(time: SystemTime) -> u64 {
    duration_nanos(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A duration in nanoseconds.
pub(super) fn duration_nanos(since_epoch: Duration) -> u64 {
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// The inverse of [`nanos`].
pub(super) fn time(nanos: u64) -> SystemTime {
    let time = UNIX_EPOCH.checked_add(Duration::from_nanos(nanos));
    // A time that the system cannot represent counts as past.
    time.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{nanos, time};

    #[test]
    fn times_round_trip_to_the_nanosecond() {
        let exact = UNIX_EPOCH + Duration::new(1_795_190_400, 123_456_789);
        assert_eq!(time(nanos(exact)), exact);
        assert_eq!(nanos(UNIX_EPOCH - Duration::from_secs(1)), 0);
        let far = UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert_eq!(nanos(far), u64::MAX);
        assert!(time(u64::MAX) > exact);
    }
}
