//! GCRA over the quotas of a limit: takes units from all of them, or from none.
//!
//! [governor] decides whether one quota has the units, and computes its new state. The state is a
//! single time, at which the quota is full again; here it is stored as the time from now until then,
//! `until_full`. A key that was charged more than it had needs longer than the quota's refill time: it
//! is in debt.
//!
//! This file adds what governor lacks: several quotas that are all taken from or none of them, at one
//! reading of the clock; the remaining units and waiting times, for fields and refusals; debts and
//! blocks; and bounds, without which governor's arithmetic overflows.
//!
//! Our store can't implement governor's `StateStore`: that trait changes one state per call, and
//! reports neither the state after a success nor that after a refusal. Instead, governor gets the
//! state of one quota in a temporary store, [`QuotaState`], from which the new state is read.
//!
//! [governor]: https://docs.rs/governor

use std::{borrow::Cow, cell::Cell, fmt, num::NonZeroU32, time::Duration};

use governor::{
    RateLimiter, clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{NotKeyed, StateStore},
};

use super::quota::{Quota, error};
use crate::{contract::description::Limit, support::clock::Clock, wire::ConfigError};

const SECOND: u64 = 1_000_000_000;

/// The longest time until a quota is full: 146 years. This is less than a quarter of the range of 64
/// bits, so that the sum of two such times, or of one and the time of a clock, does not overflow.
pub(super) const MAX_UNTIL_FULL: u64 = (1 << 62) - 1;

/// The latest time, after 438 years: [`MAX_UNTIL_FULL`] after it still fits into 64 bits. A clock that
/// reaches it stands still, instead of letting everything through.
const LATEST: u64 = u64::MAX - MAX_UNTIL_FULL;

/// The time of a clock in nanoseconds.
pub(super) fn now(clock: &Clock) -> u64 {
    let now = u64::try_from(clock.monotonic().as_nanos());
    now.unwrap_or(u64::MAX).min(LATEST)
}

/// The maximum number of quotas of one limit.
pub(super) const MAX_QUOTAS: usize = 8;

/// The decision of all quotas of a limit about one request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Decision {
    /// A bit for each quota that has too little left; if any bit is set, nothing was taken.
    violated: u8,
    /// For each quota, the nanoseconds until it is full.
    until_full: [u64; MAX_QUOTAS],
}

impl Decision {
    /// Takes units from every quota of a key, or from none. `times` are the times at which the quotas
    /// will be full.
    pub(super) fn take(quotas: &[Gcra], times: &mut [u64], now: u64, units: u32) -> Self {
        let before = Self::read(times, now);
        let mut after = before;
        for (n, (quota, until_full)) in quotas.iter().zip(&mut after.until_full).enumerate() {
            match quota.take(*until_full, units) {
                Some(new) => *until_full = new,
                None => after.violated |= 1 << n,
            }
        }
        if after.violated != 0 {
            return Self {
                violated: after.violated,
                ..before
            };
        }
        after.write(times, now);
        after
    }

    /// Changes every quota of a key, however much is left.
    pub(super) fn force(
        quotas: &[Gcra],
        times: &mut [u64],
        now: u64,
        change: impl Fn(&Gcra, u64) -> u64,
    ) -> Self {
        let mut decision = Self::read(times, now);
        decision.change(quotas, change);
        decision.write(times, now);
        decision
    }

    /// The state that the times describe, before anything is taken.
    pub(super) fn read(times: &[u64], now: u64) -> Self {
        let mut decision = Self::default();
        for (until_full, time) in decision.until_full.iter_mut().zip(times) {
            // If a clock was set back far, times may be later than any quota allows.
            *until_full = time.saturating_sub(now).min(MAX_UNTIL_FULL);
        }
        decision
    }

    fn write(&self, times: &mut [u64], now: u64) {
        for (time, until_full) in times.iter_mut().zip(self.until_full) {
            *time = now.saturating_add(until_full);
        }
    }

    /// Changes the time until each quota is full.
    pub(super) fn change(&mut self, quotas: &[Gcra], change: impl Fn(&Gcra, u64) -> u64) {
        for (quota, until_full) in quotas.iter().zip(&mut self.until_full) {
            *until_full = change(quota, *until_full);
        }
    }

    /// A decision that Redis has made.
    pub(super) const fn from_parts(violated: u8, until_full: [u64; MAX_QUOTAS]) -> Self {
        Self {
            violated,
            until_full,
        }
    }

    pub(super) const fn passes(&self) -> bool {
        self.violated == 0
    }

    /// A bit for each quota that has too little left.
    pub(super) const fn violated(&self) -> u8 {
        self.violated
    }

    pub(super) const fn violates(&self, n: usize) -> bool {
        self.violated & (1 << n) != 0
    }

    /// The quotas, and their balances.
    pub(super) fn balances<'a>(
        &'a self,
        quotas: &'a [Gcra],
    ) -> impl Iterator<Item = (usize, &'a Gcra, Balance)> {
        let both = quotas.iter().zip(self.until_full).enumerate();
        both.map(|(n, (quota, until_full))| (n, quota, quota.balance(until_full)))
    }

    /// Seconds after which a refused request of this cost would pass: never 0, and never less than the
    /// time reported for a quota that has too little left.
    pub(super) fn retry_after(&self, quotas: &[Gcra], units: u32) -> u64 {
        self.wait(quotas, units).div_ceil(SECOND).max(1)
    }

    /// The same in nanoseconds.
    pub(super) fn wait(&self, quotas: &[Gcra], units: u32) -> u64 {
        let both = quotas.iter().zip(self.until_full).enumerate();
        let spent = both.filter(|(n, _)| self.violates(*n));
        let waits = spent.map(|(_, (quota, until_full))| quota.wait(until_full, units.max(1)));
        waits.max().unwrap_or_default()
    }
}

/// A validated quota. Its arithmetic is exact up to [`MAX_UNTIL_FULL`], and saturates there.
pub(super) struct Gcra {
    quota: Quota,
    /// The name, as clients see it.
    name: Cow<'static, str>,
    burst: NonZeroU32,
    /// Nanoseconds in which one unit is replenished.
    interval: u64,
    governor: governor::Quota,
}

/// What a client has left of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Balance {
    pub(super) remaining: u32,
    /// Seconds until the next unit; `None` if the quota is full.
    pub(super) next: Option<u64>,
}

impl Gcra {
    pub(super) fn new(quota: Quota) -> Result<Self, ConfigError> {
        let name = quota.name.clone().unwrap_or_else(|| {
            let count = u64::from(quota.count);
            Cow::Owned(Limit::name_of(count, quota.period))
        });
        let refuse = |reason: &str| Err(error(format!("{reason} ({name:?})")));
        let (Some(count), Some(burst)) = (
            NonZeroU32::new(quota.count),
            NonZeroU32::new(quota.burst.unwrap_or(quota.count)),
        ) else {
            return refuse("a quota or burst of 0 would reject every request");
        };
        let Ok(period) = u64::try_from(quota.period.as_nanos()) else {
            return refuse("the period is longer than 584 years");
        };
        if period == 0 {
            return refuse("a period of 0 seconds would limit nothing");
        }
        let interval = period / u64::from(count.get());
        let refill_time = interval.checked_mul(u64::from(burst.get()));
        if refill_time.is_none_or(|refill_time| refill_time > MAX_UNTIL_FULL) {
            return refuse("the burst would take more than 146 years to replenish");
        }
        let Some(governor) = governor::Quota::with_period(Duration::from_nanos(interval)) else {
            return refuse("more than one request per nanosecond cannot be counted");
        };
        // The interval is rounded down: a higher rate than the one that was asked for.
        let rounding = period % u64::from(count.get());
        if rounding > (period - rounding) / 100 {
            return refuse(
                "in whole nanoseconds per request, the rate would be more than 1% too high: count in \
                 larger units, such as KiB instead of bytes",
            );
        }
        Ok(Self {
            name,
            burst,
            interval,
            governor: governor.allow_burst(burst),
            quota,
        })
    }

    /// The quota as data.
    pub(super) fn describe(&self) -> Limit {
        let Quota {
            count,
            period,
            burst,
            name: _,
        } = &self.quota;
        let limit = Limit::requests(self.name.clone(), (*count).into(), *period);
        match burst {
            Some(burst) => limit.burst((*burst).into()),
            None => limit,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The name in a store, which does not change when the numbers of a quota do.
    pub(super) fn name_in_store(&self) -> &str {
        self.quota.name.as_deref().unwrap_or("default")
    }

    pub(super) const fn burst(&self) -> u32 {
        self.burst.get()
    }

    /// Nanoseconds in which one unit is replenished.
    pub(super) const fn interval(&self) -> u64 {
        self.interval
    }

    /// Nanoseconds in which the whole burst is replenished.
    pub(super) fn refill_time(&self) -> u64 {
        self.cost(self.burst())
    }

    /// The same in seconds, rounded up; `None` if it is less than one second, which a whole number of
    /// seconds can't express.
    pub(super) fn window(&self) -> Option<u64> {
        // Not computed from the interval, which is rounded down: three per second are replenished in
        // one second.
        let exact = self.quota.period.as_nanos() * u128::from(self.burst());
        let is_short = exact < u128::from(SECOND) * u128::from(self.quota.count);
        (!is_short).then(|| self.refill_time().div_ceil(SECOND))
    }

    /// Nanoseconds in which this number of units is replenished, exact up to the burst.
    pub(super) fn cost(&self, units: u32) -> u64 {
        self.interval.saturating_mul(units.into())
    }

    fn balance(&self, until_full: u64) -> Balance {
        let remaining = self.refill_time().saturating_sub(until_full) / self.interval;
        let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
        let next = || self.wait(until_full, remaining.saturating_add(1));
        Balance {
            remaining,
            next: (until_full > 0).then(|| next().div_ceil(SECOND)),
        }
    }

    /// Nanoseconds until this number of units is available: exact up to the burst. More units are
    /// never available; the result is then at most 584 years.
    fn wait(&self, until_full: u64, units: u32) -> u64 {
        let until_full = until_full.saturating_add(self.cost(units));
        until_full.saturating_sub(self.refill_time())
    }

    /// Takes units: returns the new time until the quota is full, or `None` if there are fewer. Taking
    /// nothing succeeds unless there is a debt.
    fn take(&self, until_full: u64, units: u32) -> Option<u64> {
        let Some(units) = NonZeroU32::new(units) else {
            return (until_full <= self.refill_time()).then_some(until_full);
        };
        // governor multiplies before it compares, which would overflow.
        if units > self.burst {
            return None;
        }
        let governor: Governor =
            RateLimiter::new(self.governor, QuotaState(Cell::new(until_full)), FixedClock);
        governor.check_n(units).ok()?.ok()?;
        Some(governor.into_state_store().0.get())
    }

    /// Charges units, or gives them back if they are negative, however much is left.
    pub(super) fn charge(&self, until_full: u64, units: i64) -> u64 {
        let cost = self.interval.saturating_mul(units.unsigned_abs());
        if units < 0 {
            return until_full.saturating_sub(cost);
        }
        until_full.saturating_add(cost).min(MAX_UNTIL_FULL)
    }

    /// Lets nothing through for this number of nanoseconds.
    pub(super) fn block(&self, until_full: u64, duration: u64) -> u64 {
        let without_one = self.refill_time().saturating_sub(self.interval);
        until_full
            .max(without_one.saturating_add(duration))
            .min(MAX_UNTIL_FULL)
    }
}

/// A limiter for one decision about one quota: two numbers, without an allocation.
type Governor = RateLimiter<NotKeyed, QuotaState, FixedClock, NoOpMiddleware<Nanos>>;

/// governor's state of one quota of one key: the time at which it is full, counted from the creation
/// of the limiter, which is now.
struct QuotaState(Cell<u64>);

impl StateStore for QuotaState {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, full_at) = f(Some(Nanos::from(self.0.get())))?;
        self.0.set(full_at.as_u64());
        Ok(outcome)
    }
}

/// The time of the decision. governor counts from the creation of the limiter, and no time passes
/// between that and the decision.
struct FixedClock;

impl clock::Clock for FixedClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(0)
    }
}

/// The quota as in descriptions of a stack.
impl fmt::Debug for Gcra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota")
            .field("count", &self.quota.count)
            .field("period", &self.quota.period)
            .field("burst", &self.burst)
            .field("name", &self.name)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Gcra, MAX_UNTIL_FULL, Quota, SECOND};

    /// Valid quotas, of one nanosecond to 146 years, with few or many units.
    fn quotas() -> impl Strategy<Value = Gcra> {
        let number = || prop_oneof![1..20_u32, any::<u32>(), Just(u32::MAX)];
        let period = prop_oneof![
            1..100_u64,
            Just(86_400 * SECOND),
            1..=MAX_UNTIL_FULL,
            Just(MAX_UNTIL_FULL)
        ];
        (number(), period, number()).prop_filter_map("impossible", |(count, period, burst)| {
            Gcra::new(Quota::per(count, Duration::from_nanos(period)).burst(burst)).ok()
        })
    }

    fn units() -> impl Strategy<Value = u32> {
        prop_oneof![0..20_u32, any::<u32>(), Just(u32::MAX)]
    }

    fn times_until_full() -> impl Strategy<Value = u64> {
        prop_oneof![
            Just(0),
            0..100_u64,
            0..=MAX_UNTIL_FULL,
            Just(MAX_UNTIL_FULL)
        ]
    }

    fn clamp(exact: i128) -> u64 {
        u64::try_from(exact.clamp(0, MAX_UNTIL_FULL.into())).unwrap()
    }

    proptest! {
        /// Whatever is taken, charged, blocked or waited for, the result equals that of 128-bit
        /// arithmetic, which does not overflow.
        #[test]
        fn arithmetic_is_exact_up_to_its_bound(
            quota in quotas(),
            until_full in times_until_full(),
            few in units(),
            many in prop_oneof![any::<i64>(), -20..20_i64, Just(i64::MIN), Just(i64::MAX)],
            duration in prop_oneof![any::<u64>(), 0..100_u64, Just(u64::MAX)],
        ) {
            let (interval, burst) = (i128::from(quota.interval), i128::from(quota.burst()));
            let (exact_few, exact_until_full) = (i128::from(few), i128::from(until_full));
            let refill_time = interval * burst;
            prop_assert_eq!(i128::from(quota.refill_time()), refill_time);
            prop_assert!(refill_time <= i128::from(MAX_UNTIL_FULL));

            let after = exact_until_full + interval * exact_few;
            let fits = after <= refill_time;
            prop_assert_eq!(quota.take(until_full, few), fits.then(|| clamp(after)));

            // If the request passes now or later, the wait is exact; otherwise it is at most 584
            // years.
            let wait = (after - refill_time).clamp(0, u64::MAX.into());
            let actual = i128::from(quota.wait(until_full, few));
            if exact_few <= burst {
                prop_assert_eq!(actual, wait);
            } else {
                prop_assert!(actual <= wait);
            }

            let charged = clamp(exact_until_full + interval * i128::from(many));
            prop_assert_eq!(quota.charge(until_full, many), charged);

            let blocked = (refill_time - interval + i128::from(duration)).max(exact_until_full);
            prop_assert_eq!(quota.block(until_full, duration), clamp(blocked));

            let left = ((refill_time - exact_until_full) / interval).max(0);
            let balance = quota.balance(until_full);
            prop_assert_eq!(i128::from(balance.remaining), left);
            let next = exact_until_full + interval * (left + 1) - refill_time;
            let next = (next + i128::from(SECOND) - 1) / i128::from(SECOND);
            prop_assert_eq!(balance.next.map(i128::from), (until_full > 0).then_some(next));
        }
    }
}
