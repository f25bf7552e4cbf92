//! How many requests pass in which time, and by which key they are counted: [`Quota`], [`Quotas`].

use std::{borrow::Cow, sync::Arc, time::Duration};

use super::{
    gcra::{Gcra, MOST_QUOTAS},
    plans::PlanChoice,
    policy::{Options, RateLimit},
};
use crate::{
    request::key::{Key, key_methods},
    wire::{ConfigError, field::structured},
};

/// How many requests pass in which time.
///
/// A quota refills evenly: of 60 a minute, one comes back each second. At most
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

    /// How many may come at once; the rate stays the same. By default the whole quota.
    ///
    /// Clients are told the burst and the time in which it comes back: 100 an hour with a burst
    /// of 10 is published as 10 in 360 seconds, which is the same rate.
    pub const fn burst(mut self, count: u32) -> Self {
        self.burst = Some(count);
        self
    }

    /// The name that clients see; by default it is made of the numbers, such as `100-per-minute`.
    ///
    /// A response can have the fields of several limits, which clients tell apart by their names: name
    /// one of two limits with the same numbers. An [`Api`](crate::Api) reports routes with two quotas of
    /// one name.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// One or more quotas that were checked; made by [`RateLimit::of`]. The key is still to be chosen.
#[derive(Clone, Debug)]
#[must_use]
pub struct Quotas(pub(super) PlanChoice);

impl Quotas {
    /// Counts by a [`Key`] of your own, or by a tuple of keys.
    pub fn keyed<K: Key>(self, key: K) -> RateLimit<K> {
        RateLimit {
            key,
            options: Options::new(self.0),
        }
    }

    fn with_key<K: Key>(self, key: K) -> RateLimit<K> {
        self.keyed(key)
    }
}

impl Quota {
    fn with_key<K: Key>(self, key: K) -> Result<RateLimit<K>, ConfigError> {
        Ok(RateLimit::of([self])?.keyed(key))
    }
}

/// A limit by one quota, if that is possible; see [`RateLimit::of`].
type Checked<K> = Result<RateLimit<K>, ConfigError>;

key_methods! {
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    Quota => Checked, RateLimit, std::convert::identity
}
key_methods!(Quotas => RateLimit, RateLimit, Ok);

impl RateLimit<()> {
    /// Limits by one to eight quotas together: a request that one of them refuses is not counted
    /// by the others.
    ///
    /// # Errors
    ///
    /// - no quota, or more than eight;
    /// - a count, burst or period of zero;
    /// - a period that cannot be measured: more than one request per nanosecond, or a burst that
    ///   takes more than 146 years to come back;
    /// - two quotas of one name: all but one need [`Quota::named`];
    /// - a name that is empty or has characters other than printable ASCII, as it is written into
    ///   header fields.
    pub fn of(quotas: impl IntoIterator<Item = Quota>) -> Result<Quotas, ConfigError> {
        Ok(Quotas(PlanChoice::only(checked(quotas)?)))
    }
}

/// Checks quotas that go together.
pub(super) fn checked(quotas: impl IntoIterator<Item = Quota>) -> Result<Arc<[Gcra]>, ConfigError> {
    let quotas: Vec<_> = quotas
        .into_iter()
        .map(Gcra::new)
        .collect::<Result<_, _>>()?;
    if quotas.is_empty() {
        return Err(error("a limit without a quota would limit nothing"));
    }
    if quotas.len() > MOST_QUOTAS {
        return Err(error(format!("a limit has at most {MOST_QUOTAS} quotas")));
    }
    for (n, quota) in quotas.iter().enumerate() {
        let name = quota.name();
        if name.is_empty() || structured::string(name).is_none() {
            return Err(error(format!(
                "the name {name:?} cannot be written into a header field: use printable ASCII"
            )));
        }
        let mut others = quotas.iter().skip(n.saturating_add(1));
        let is_same =
            |other: &Gcra| other.name() == name || other.name_in_store() == quota.name_in_store();
        if others.any(is_same) {
            let name = quota.name_in_store();
            return Err(error(format!(
                "two quotas have the name {name:?}: give one another with `.named(..)`"
            )));
        }
    }
    Ok(quotas.into())
}

pub(super) fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Quota", message)
}
