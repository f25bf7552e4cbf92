//! Decides about one request: governor's algorithm over times that are kept elsewhere.
//!
//! All that GCRA remembers of a key is one time: that at which the quota will be whole again. The
//! store keeps it, and governor sees it as the distance from now. So one reading of the clock
//! serves all quotas of a request, a quota can be tried without being spent, and no clock that
//! jumps back can lock anyone for longer than one whole quota takes to come back.

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
use crate::config_error::ConfigError;

/// The most quotas that one limit can have.
pub(super) const MOST_QUOTAS: usize = 8;

const SECOND: u64 = 1_000_000_000;

/// A quota that was checked.
pub(super) struct Rule {
    name: Cow<'static, str>,
    quota: Quota,
    burst: u32,
    /// Nanoseconds in which one request comes back.
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

/// The decision about one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    /// A bit for each quota that is spent; if there is one, nothing was taken from the others.
    pub(super) violated: u8,
    ahead: [u64; MOST_QUOTAS],
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
        // Room for sums with the time since the start of the program.
        let whole = interval.checked_mul(u64::from(burst.get()));
        if whole.is_none_or(|whole| whole > u64::MAX / 4) {
            return refuse("the burst would take more than 146 years to come back");
        }
        let Some(of_one) = governor::Quota::with_period(Duration::from_nanos(interval)) else {
            return refuse("more than one request a nanosecond is no limit");
        };
        Ok(Self {
            name: quota.name.clone(),
            burst: burst.get(),
            interval,
            governor: RateLimiter::new(of_one.allow_burst(burst), AtTheKey, Now),
            quota,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn burst(&self) -> u32 {
        self.burst
    }

    /// Seconds in which the whole burst comes back, rounded up.
    pub(super) fn window(&self) -> u64 {
        self.whole().div_ceil(SECOND)
    }

    fn whole(&self) -> u64 {
        self.interval.saturating_mul(u64::from(self.burst))
    }

    /// What is left when the quota will be whole `ahead` nanoseconds from now.
    pub(super) fn standing(&self, ahead: u64) -> Standing {
        let left = self.whole().saturating_sub(ahead);
        let remaining = left / self.interval;
        let next = remaining.saturating_add(1).saturating_mul(self.interval);
        let wait = next.saturating_sub(left).div_ceil(SECOND);
        Standing {
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            wait: (ahead > 0).then_some(wait),
        }
    }

    /// Takes one request from a quota that will be whole `ahead` from now: the new distance, or
    /// nothing if it is spent.
    fn take(&self, ahead: u64) -> Option<u64> {
        let ahead = Ahead(Cell::new(ahead));
        self.governor.check_key(&ahead).ok()?;
        Some(ahead.0.get())
    }
}

/// Takes one request from every quota of a key, or from none. `times` are those at which the
/// quotas will be whole.
pub(super) fn judge(rules: &[Rule], times: &mut [u64], now: u64) -> Verdict {
    let mut violated = 0_u8;
    let mut before = [0; MOST_QUOTAS];
    let mut after = [0; MOST_QUOTAS];
    let slots = before.iter_mut().zip(&mut after);
    for (n, ((rule, time), (before, after))) in rules.iter().zip(&*times).zip(slots).enumerate() {
        // Only a clock that went back can make it more than the whole.
        *before = time.saturating_sub(now).min(rule.whole());
        match rule.take(*before) {
            Some(ahead) => *after = ahead,
            None => violated |= 1 << n,
        }
    }
    if violated != 0 {
        return Verdict {
            violated,
            ahead: before,
        };
    }
    for (time, ahead) in times.iter_mut().zip(after) {
        *time = now.saturating_add(ahead);
    }
    Verdict {
        violated,
        ahead: after,
    }
}

impl Verdict {
    pub(super) const fn passes(&self) -> bool {
        self.violated == 0
    }

    pub(super) const fn violates(&self, n: usize) -> bool {
        self.violated & (1 << n) != 0
    }

    /// The quotas, and what is left of each.
    pub(super) fn standings<'a>(
        &'a self,
        rules: &'a [Rule],
    ) -> impl Iterator<Item = (usize, &'a Rule, Standing)> {
        let both = rules.iter().zip(self.ahead).enumerate();
        both.map(|(n, (rule, ahead))| (n, rule, rule.standing(ahead)))
    }

    /// Seconds after which a refused request would pass: never 0, and never sooner than what is
    /// said of a quota that is spent.
    pub(super) fn retry_after(&self, rules: &[Rule]) -> u64 {
        let spent = self.standings(rules).filter(|(n, ..)| self.violates(*n));
        let waits = spent.filter_map(|(_, _, standing)| standing.wait);
        waits.max().unwrap_or_default().max(1)
    }
}

/// The quota in words.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quota { count, period, .. } = &self.quota;
        write!(f, "{:?}: {count} requests in {period:?}", self.name)?;
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
