//! Why a store of this crate did not do what it was asked to: [`SessionStoreError`].

use std::{error::Error, fmt};

#[cfg(feature = "session-redis")]
use crate::support::redis::Failure;

/// Why [`MemorySessions`](super::MemorySessions) or `RedisSessions` did not do what it was asked
/// to. It holds nothing of a session.
#[derive(Debug)]
pub struct SessionStoreError(Kind);

#[derive(Debug)]
pub(super) enum Kind {
    Full,
    TooLong {
        bytes: usize,
        most: usize,
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
        matches!(self.0, Kind::Full)
    }

    /// Whether the data of the session is longer than the store allows.
    #[must_use]
    pub const fn is_too_long(&self) -> bool {
        matches!(self.0, Kind::TooLong { .. })
    }
}

/// Checks the length of a record.
pub(super) const fn check_length(bytes: usize, most: usize) -> Result<(), SessionStoreError> {
    if bytes > most {
        return Err(SessionStoreError(Kind::TooLong { bytes, most }));
    }
    Ok(())
}

impl From<Kind> for SessionStoreError {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for SessionStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Full => f.write_str("there is no room for another session"),
            Kind::TooLong { bytes, most } => {
                write!(f, "a session of {bytes} bytes, of {most} at most")
            }
            Kind::Taken => f.write_str("another session has this id"),
            Kind::Ending => f.write_str("all sessions of this owner are ending right now"),
            #[cfg(feature = "session-redis")]
            Kind::Unreadable(what) => write!(f, "what Redis keeps for the session is {what}"),
            #[cfg(feature = "session-redis")]
            Kind::Server(failure) => failure.fmt(f),
        }
    }
}

impl Error for SessionStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            #[cfg(feature = "session-redis")]
            Kind::Server(Failure::Server(error)) => Some(error),
            _ => None,
        }
    }
}
