//! One quota, checked: governor's algorithm over times that are kept elsewhere.
//!
//! All that GCRA remembers of a key is one time: that at which the quota will be whole again. The
//! store keeps it, and governor sees it as the distance from now, `ahead`. So one reading of the
//! clock serves all quotas of a request, and a quota can be tried without being spent. A key that
//! was charged more than it had is further ahead than the whole quota: it is in debt.

use std::{
    borrow::Cow,
    cell::Cell,
    fmt,
    hash::{Hash, Hasher},
    num::NonZeroU32,
    time::Duration,
};

use governor::{
    RateLimiter, clock::Clock, middleware::NoOpMiddleware, nanos::Nanos, state::StateStore,
};

use super::quota::Quota;
use crate::wire::ConfigError;

const SECOND: u64 = 1_000_000_000;

/// The furthest that a key can be ahead: 146 years. It is below a quarter of what 64 bits hold, so
/// that sums of two such distances, and of one with the time, are exact.
pub(super) const FURTHEST: u64 = (1 << 62) - 1;

/// A quota that was checked.
pub(super) struct Rule {
    quota: Quota,
    burst: NonZeroU32,
    /// Nanoseconds in which one unit comes back.
    interval: u64,
    governor: RateLimiter<Ahead, AtTheKey, Now, NoOpMiddleware<Nanos>>,
}

/// What a client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) remaining: u32,
    /// Seconds until there is more; `None` if the quota is whole.
    pub(super) wait: Option<u64>,
}

impl Rule {
    pub(super) fn new(quota: Quota) -> Result<Self, ConfigError> {
        let refuse = |why: &str| Err(error(format!("{} ({:?})", why, quota.name)));
        let (Some(count), Some(burst)) = (
            NonZeroU32::new(quota.count),
            NonZeroU32::new(quota.burst.unwrap_or(quota.count)),
        ) else {
            return refuse("a quota or burst of 0 requests would refuse everything");
        };
        let Ok(period) = u64::try_from(quota.period.as_nanos()) else {
            return refuse("the period is longer than 584 years");
        };
        if period == 0 {
            return refuse("a period of 0 seconds would limit nothing");
        }
        let interval = period / u64::from(count.get());
        let whole = interval.checked_mul(u64::from(burst.get()));
        if whole.is_none_or(|whole| whole > FURTHEST) {
            return refuse("the burst would take more than 146 years to come back");
        }
        let Some(of_one) = governor::Quota::with_period(Duration::from_nanos(interval)) else {
            return refuse("more than one request a nanosecond is no limit");
        };
        Ok(Self {
            burst,
            interval,
            governor: RateLimiter::new(of_one.allow_burst(burst), AtTheKey, Now),
            quota,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.quota.name
    }

    pub(super) const fn burst(&self) -> u32 {
        self.burst.get()
    }

    /// Nanoseconds in which one unit comes back.
    #[cfg(feature = "rate-limit-redis")]
    pub(super) const fn interval(&self) -> u64 {
        self.interval
    }

    /// Nanoseconds in which the whole burst comes back.
    pub(super) fn whole(&self) -> u64 {
        self.cost(self.burst())
    }

    /// The same in seconds, rounded up.
    pub(super) fn window(&self) -> u64 {
        self.whole().div_ceil(SECOND)
    }

    /// Nanoseconds in which so many units come back.
    fn cost(&self, units: u32) -> u64 {
        self.interval.saturating_mul(units.into())
    }

    /// What is left when the quota will be whole `ahead` nanoseconds from now.
    pub(super) fn standing(&self, ahead: u64) -> Standing {
        let remaining = self.whole().saturating_sub(ahead) / self.interval;
        let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
        Standing {
            remaining,
            wait: (ahead > 0).then(|| self.wait(ahead, remaining.saturating_add(1))),
        }
    }

    /// Seconds until so many units are there, rounded up.
    pub(super) fn wait(&self, ahead: u64, units: u32) -> u64 {
        self.wait_nanoseconds(ahead, units).div_ceil(SECOND)
    }

    /// Nanoseconds until so many units are there.
    pub(super) fn wait_nanoseconds(&self, ahead: u64, units: u32) -> u64 {
        let ahead = ahead.saturating_add(self.cost(units));
        ahead.saturating_sub(self.whole())
    }

    /// Takes units from a quota that will be whole `ahead` from now: the new distance, or nothing
    /// if it has fewer. What costs nothing passes unless there is a debt.
    pub(super) fn take(&self, ahead: u64, units: u32) -> Option<u64> {
        let Some(units) = NonZeroU32::new(units) else {
            return (ahead <= self.whole()).then_some(ahead);
        };
        // governor multiplies before it compares, which overflows.
        if units > self.burst {
            return None;
        }
        let ahead = Ahead(Cell::new(ahead));
        // Most requests cost one, and that is quicker to check.
        let taken = match units {
            NonZeroU32::MIN => self.governor.check_key(&ahead),
            units => self.governor.check_key_n(&ahead, units).ok()?,
        };
        taken.ok()?;
        Some(ahead.0.get())
    }

    /// Charges units, or gives them back if they are negative, whatever is left.
    pub(super) fn charge(&self, ahead: u64, units: i64) -> u64 {
        let distance = self.interval.saturating_mul(units.unsigned_abs());
        if units < 0 {
            return ahead.saturating_sub(distance);
        }
        ahead.saturating_add(distance).min(FURTHEST)
    }

    /// Lets nothing through for so many nanoseconds.
    pub(super) fn block(&self, ahead: u64, duration: u64) -> u64 {
        let one_left = self.whole().saturating_sub(self.interval);
        ahead.max(one_left.saturating_add(duration)).min(FURTHEST)
    }
}

/// The quota in words.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quota { count, period, .. } = &self.quota;
        write!(f, "{:?}: {count} requests in {period:?}", self.name())?;
        match self.quota.burst {
            Some(burst) => write!(f, ", {burst} at once"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.quota.fmt(f)
    }
}

/// Governor's key: how far from now the quota will be whole. The state is in the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ahead(Cell<u64>);

/// Governor asks it of keys; nothing here is looked up by it.
impl Hash for Ahead {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.get().hash(state);
    }
}

/// Governor's store.
#[derive(Debug)]
struct AtTheKey;

impl StateStore for AtTheKey {
    type Key = Ahead;

    fn measure_and_replace<T, F, E>(&self, key: &Ahead, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, ahead) = f(Some(Nanos::from(key.0.get())))?;
        key.0.set(ahead.as_u64());
        Ok(outcome)
    }
}

/// Governor's clock: as the state is the distance from now, it is always zero.
#[derive(Debug)]
struct Now;

impl Clock for Now {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(0)
    }
}

pub(super) fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Quota", message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{FURTHEST, Rule, SECOND};
    use crate::layers::rate_limit::quota::Quota;

    /// Checked quotas, of one nanosecond to 146 years, with few or many units.
    fn rules() -> impl Strategy<Value = Rule> {
        let number = || prop_oneof![1..20_u32, any::<u32>(), Just(u32::MAX)];
        let period = prop_oneof![
            1..100_u64,
            Just(86_400 * SECOND),
            1..=FURTHEST,
            Just(FURTHEST)
        ];
        (number(), period, number()).prop_filter_map("impossible", |(count, period, burst)| {
            Rule::new(Quota::per(count, Duration::from_nanos(period)).burst(burst)).ok()
        })
    }

    fn units() -> impl Strategy<Value = u32> {
        prop_oneof![0..20_u32, any::<u32>(), Just(u32::MAX)]
    }

    fn aheads() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), 0..100_u64, 0..=FURTHEST, Just(FURTHEST)]
    }

    fn clamp(exact: i128) -> u64 {
        u64::try_from(exact.clamp(0, FURTHEST.into())).unwrap()
    }

    proptest! {
        /// Whatever is taken, charged, blocked or waited for: the same as in 128 bits, where nothing
        /// overflows.
        #[test]
        fn arithmetic_is_exact_up_to_its_bound(
            rule in rules(),
            ahead in aheads(),
            few in units(),
            many in prop_oneof![any::<i64>(), -20..20_i64, Just(i64::MIN), Just(i64::MAX)],
            duration in prop_oneof![any::<u64>(), 0..100_u64, Just(u64::MAX)],
        ) {
            let (interval, burst) = (i128::from(rule.interval), i128::from(rule.burst()));
            let (few_exact, ahead_exact) = (i128::from(few), i128::from(ahead));
            let whole = interval * burst;
            prop_assert_eq!(i128::from(rule.whole()), whole);
            prop_assert!(whole <= i128::from(FURTHEST));

            let after = ahead_exact + interval * few_exact;
            let fits = after <= whole;
            prop_assert_eq!(rule.take(ahead, few), fits.then(|| clamp(after)));

            // What passes now or later is waited for exactly; what never passes, at most 584 years.
            let wait = (after - whole).clamp(0, u64::MAX.into());
            let told = i128::from(rule.wait_nanoseconds(ahead, few));
            if few_exact <= burst {
                prop_assert_eq!(told, wait);
            } else {
                prop_assert!(told <= wait);
            }

            let charged = clamp(ahead_exact + interval * i128::from(many));
            prop_assert_eq!(rule.charge(ahead, many), charged);

            let blocked = (whole - interval + i128::from(duration)).max(ahead_exact);
            prop_assert_eq!(rule.block(ahead, duration), clamp(blocked));

            let left = ((whole - ahead_exact) / interval).max(0);
            let standing = rule.standing(ahead);
            prop_assert_eq!(i128::from(standing.remaining), left);
            let next = ahead_exact + interval * (left + 1) - whole;
            let next = (next + i128::from(SECOND) - 1) / i128::from(SECOND);
            prop_assert_eq!(standing.wait.map(i128::from), (ahead > 0).then_some(next));
        }
    }
}
