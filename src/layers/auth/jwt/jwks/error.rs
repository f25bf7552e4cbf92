//! Says why keys could not be fetched.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use http::StatusCode;

use super::set::Skipped;
use crate::wire::BoxError;

/// Why keys could not be fetched: the [`cause`](crate::Problem::cause) of a 503, what
/// [`Jwks::prefetch`](super::Jwks::prefetch) returns, and what [`JwksStatus`](super::JwksStatus)
/// tells.
///
/// It never holds anything of a key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JwksError {
    /// There is no connection, or it broke.
    Transport(Arc<dyn Error + Send + Sync>),
    /// No answer within this time.
    TimedOut(Duration),
    /// An answer of another status than 200. Redirects are not followed.
    Status(StatusCode),
    /// An answer of more than so many bytes.
    TooLong(usize),
    /// An answer that is not a key set, or not the metadata of an issuer: what, and where it breaks.
    Malformed(&'static str, String),
    /// The metadata is that of another issuer.
    Issuer,
    /// The metadata names an address that keys are not fetched from: why not.
    Location(&'static str),
    /// A set without a key that can be used: how many it has of those that can't.
    NoKey(usize),
    /// A set of more than 32 keys that can be used.
    TooManyKeys,
    /// The fetch ended before it was done: its runtime shut down, or its transport panicked.
    Interrupted,
    /// There is no tokio runtime to fetch in.
    NoRuntime,
}

impl JwksError {
    pub(super) const fn no_key(skipped: Skipped) -> Self {
        Self::NoKey(skipped.total())
    }

    /// What a transport says, which may be one of these.
    pub(super) fn of_transport(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::Transport(error.into()),
        }
    }
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A log shows one line, and the reason is at the end of the chain.
            Self::Transport(error) => {
                write!(f, "the keys could not be fetched: {error}")?;
                let mut source = error.source();
                while let Some(error) = source {
                    write!(f, ": {error}")?;
                    source = error.source();
                }
                Ok(())
            }
            Self::TimedOut(timeout) => write!(f, "the keys did not come within {timeout:?}"),
            Self::Status(status) if status.is_redirection() => {
                write!(f, "the answer is a redirect, {status}, and is not followed")
            }
            Self::Status(status) => write!(f, "the answer is {status} and not 200"),
            Self::TooLong(most) => write!(f, "the answer has more than {most} bytes"),
            Self::Malformed(what, place) => write!(f, "the answer is not {what}: {place}"),
            Self::Issuer => f.write_str("the metadata is that of another issuer"),
            Self::Location(wrong) => {
                write!(
                    f,
                    "the metadata's `jwks_uri` can't be fetched from: {wrong}"
                )
            }
            Self::NoKey(0) => f.write_str("the key set is empty"),
            Self::NoKey(skipped) => write!(
                f,
                "of the key set's {skipped} keys none can be used: of another kind, algorithm or \
                 purpose, or broken"
            ),
            Self::TooManyKeys => f.write_str("the key set has more than 32 keys that can be used"),
            Self::Interrupted => f.write_str("the fetch ended before it was done"),
            Self::NoRuntime => {
                f.write_str("keys are fetched in a tokio runtime, and there is none")
            }
        }
    }
}

impl Error for JwksError {}
