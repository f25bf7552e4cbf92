//! Tells why keys could not be fetched, and the state of the keys; reports fetches to the log and to the
//! metrics.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use http::StatusCode;

use crate::wire::BoxError;

/// Why keys could not be fetched: the [`cause`](crate::Problem::cause) of a 503, the error of
/// [`Jwks::prefetch`](super::Jwks::prefetch), and what [`JwksStatus`]
/// contains.
///
/// It never contains any part of a key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JwksError {
    /// The connection failed.
    Transport(Arc<dyn Error + Send + Sync>),
    /// There was no response within this time.
    TimedOut(Duration),
    /// The response's status is not 200. Redirects are not followed.
    Status(StatusCode),
    /// The response has more than this many bytes.
    TooLong(usize),
    /// The response is not a key set, or not the metadata of an issuer: what was expected, and where
    /// it is malformed.
    Malformed(&'static str, String),
    /// The metadata names another issuer.
    Issuer,
    /// Keys can't be fetched from the metadata's `jwks_uri`, for this reason.
    Location(&'static str),
    /// The set has no usable key, but this many unusable ones.
    NoKey(usize),
    /// The set has more than 32 usable keys, or more than 2,000 in all.
    TooManyKeys,
    /// The fetch was interrupted: its runtime shut down, or its transport panicked.
    Interrupted,
    /// There is no tokio runtime.
    NoRuntime,
}

impl JwksError {
    /// The error of a transport, which may be one of these.
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
            // A log shows only this line, and the reason is at the end of the chain.
            Self::Transport(error) => {
                write!(f, "the keys could not be fetched: {error}")?;
                let mut source = error.source();
                while let Some(error) = source {
                    write!(f, ": {error}")?;
                    source = error.source();
                }
                Ok(())
            }
            Self::TimedOut(timeout) => write!(f, "there was no response within {timeout:?}"),
            Self::Status(status) if status.is_redirection() => {
                write!(
                    f,
                    "the response is a redirect, {status}, which is not followed"
                )
            }
            Self::Status(status) => write!(f, "the response is {status}, not 200"),
            Self::TooLong(most) => write!(f, "the response has more than {most} bytes"),
            Self::Malformed(what, place) => write!(f, "the response is not {what}: {place}"),
            Self::Issuer => f.write_str("the metadata names another issuer"),
            Self::Location(wrong) => {
                write!(
                    f,
                    "keys can't be fetched from the metadata's `jwks_uri`: {wrong}"
                )
            }
            Self::NoKey(0) => f.write_str("the key set is empty"),
            Self::NoKey(skipped) => write!(
                f,
                "none of the key set's {skipped} keys is usable: they are for other algorithms or \
                 purposes, or malformed"
            ),
            Self::TooManyKeys => {
                f.write_str("the key set has more than 32 usable keys, or more than 2,000 in all")
            }
            Self::Interrupted => f.write_str("the fetch was interrupted"),
            Self::NoRuntime => f.write_str("fetching keys requires a tokio runtime"),
        }
    }
}

impl Error for JwksError {}

/// The state of the keys of a [`Jwks`](super::Jwks): for health checks and metrics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JwksStatus {
    /// The usable keys of the last set.
    pub keys: usize,
    /// The unusable ones: for other algorithms or purposes, secret, or malformed.
    pub skipped: usize,
    /// The time since they were fetched; none before the first fetch.
    pub age: Option<Duration>,
    /// Whether tokens can be verified with them. If not, requests wait for a fetch, and are answered
    /// with 503 if it fails.
    pub is_usable: bool,
    /// The number of fetches since the `Jwks` was created.
    pub fetches: u64,
    /// The number of failed fetches since the last success.
    pub failures: u32,
    /// The error of the last fetch, if it failed.
    pub last_failure: Option<JwksError>,
}

/// Reports that these keys were fetched: after how many failures in which time, if there were any, and
/// how many of them are secrets, which must not be published.
#[cfg_attr(
    not(feature = "tracing"),
    expect(unused_variables, reason = "they are for the log")
)]
pub(super) fn report_success(keys: &str, failures: Option<(u32, Duration)>, secret: usize) {
    #[cfg(feature = "metrics")]
    count_fetch(keys, true);
    #[cfg(feature = "tracing")]
    {
        if let Some((failures, after)) = failures {
            tracing::info!(target: "wythe", keys, failures, ?after, "fetching keys succeeded again");
        }
        if secret > 0 {
            let message = "the key set contains secret keys, which are not used";
            tracing::warn!(target: "wythe", keys, secret, "{message}");
        }
    }
}

/// Reports that these keys could not be fetched, and whether the last ones are still used.
#[cfg_attr(
    not(feature = "tracing"),
    expect(unused_variables, reason = "they are for the log")
)]
pub(super) fn report_failure(
    keys: &str,
    cause: &JwksError,
    failures: u32,
    backoff: Duration,
    usable: bool,
) {
    #[cfg(feature = "metrics")]
    count_fetch(keys, false);
    #[cfg(feature = "tracing")]
    {
        let message = "fetching keys failed";
        tracing::warn!(target: "wythe", keys, failures, %cause, ?backoff, usable, "{message}");
    }
}

#[cfg(feature = "metrics")]
fn count_fetch(keys: &str, succeeded: bool) {
    let keys = keys.to_owned();
    let outcome = if succeeded { "success" } else { "failure" };
    metrics::counter!("wythe_jwks_fetches_total", "keys" => keys.clone(), "outcome" => outcome)
        .increment(1);
    if succeeded && let Ok(now) = std::time::SystemTime::UNIX_EPOCH.elapsed() {
        metrics::gauge!("wythe_jwks_last_success_timestamp_seconds", "keys" => keys)
            .set(now.as_secs_f64());
    }
}
