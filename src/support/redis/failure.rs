//! Why a server has not said anything.

use std::{error::Error, fmt, time::Duration};

use redis::RedisError;

/// Why a server has not said anything of use.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// It was not asked: it has failed too often.
    GivenUp,
    TimedOut(Duration),
    Server(RedisError),
    /// It is no Redis, or what it runs is not what it was asked to.
    Nonsense,
    NoRuntime,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GivenUp => f.write_str("Redis was not asked, as it has failed too often"),
            Self::TimedOut(timeout) => write!(f, "no answer from Redis within {timeout:?}"),
            Self::Server(error) => error.fmt(f),
            Self::Nonsense => f.write_str("an answer that Redis does not give"),
            Self::NoRuntime => f.write_str("Redis can't be asked outside of a tokio runtime"),
        }
    }
}

impl Error for Failure {}
