//! A number of requests per period: [`Quota`].

use std::{borrow::Cow, time::Duration};

use crate::wire::ConfigError;

/// A number of requests per period.
///
/// A quota is replenished evenly: at 60 per minute, one request per second. At most
/// [`burst`](Self::burst) can be spent at once, by default the whole quota.
///
/// # Example
///
/// ```
/// use wythe::{Quota, RateLimit, with_rate_limit};
///
/// // For each client address: 100 an hour.
/// let hourly = with_rate_limit(Quota::per_hour(100).by_peer()?);
///
/// // 5 a second and 1,000 a day, both together.
/// let both = RateLimit::of([
///     Quota::per_second(5).named("burst"),
///     Quota::per_day(1_000).named("daily"),
/// ])?;
/// let both = with_rate_limit(both.by_peer());
///
/// // A quota that would reject every request is an error at once.
/// assert!(Quota::per_hour(0).by_peer().is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Quota {
    pub(super) count: u32,
    pub(super) period: Duration,
    pub(super) burst: Option<u32>,
    pub(super) name: Option<Cow<'static, str>>,
}

impl Quota {
    /// At most `count` requests per second.
    pub const fn per_second(count: u32) -> Self {
        Self::per(count, Duration::from_secs(1))
    }

    /// At most `count` requests per minute.
    pub const fn per_minute(count: u32) -> Self {
        Self::per(count, Duration::from_secs(60))
    }

    /// At most `count` requests per hour.
    pub const fn per_hour(count: u32) -> Self {
        Self::per(count, Duration::from_secs(3_600))
    }

    /// At most `count` requests per 24 hours.
    pub const fn per_day(count: u32) -> Self {
        Self::per(count, Duration::from_secs(86_400))
    }

    /// At most `count` requests per period.
    pub const fn per(count: u32, period: Duration) -> Self {
        Self {
            count,
            period,
            burst: None,
            name: None,
        }
    }

    /// How many requests may come at once; the rate stays the same. By default the whole quota.
    ///
    /// Clients see the burst and the time in which it is replenished: 100 per hour with a burst of 10
    /// is published as 10 in 360 seconds, which is the same rate.
    pub const fn burst(mut self, count: u32) -> Self {
        self.burst = Some(count);
        self
    }

    /// The name that clients see; by default it is built from the numbers, such as `100-per-minute`.
    ///
    /// A response can have the fields of several limits, which clients tell apart by their names: if
    /// two limits have the same numbers, name one of them. An [`Api`](crate::Api) reports routes with
    /// two quotas of the same name.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }
}

pub(super) fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Quota", message)
}
