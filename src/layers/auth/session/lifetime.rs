//! How long a session lasts: pure functions on whole seconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::SessionRefusal;
use crate::wire::ConfigError;

/// The maximum difference between the clocks of two servers.
const SKEW: u64 = 60;

/// 400 days, after which browsers discard any cookie (RFC 6265bis, section 5.5).
const MAX_SECONDS: u64 = 400 * 24 * 60 * 60;

/// When a session began, and when it was last noted as used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) created: u64,
    pub(super) seen: u64,
}

impl Times {
    pub(super) const fn starting(now: u64) -> Self {
        Self {
            created: now,
            seen: now,
        }
    }

    pub(super) const fn seen(self, now: u64) -> Self {
        Self { seen: now, ..self }
    }
}

/// How long a session lasts at most, and how long it lasts without a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetime {
    absolute: u64,
    idle: Option<u64>,
}

impl Default for Lifetime {
    fn default() -> Self {
        Self {
            absolute: 12 * 60 * 60,
            idle: None,
        }
    }
}

impl Lifetime {
    pub(super) fn with_absolute(self, time: Duration) -> Result<Self, ConfigError> {
        let absolute = seconds(time)?;
        Self { absolute, ..self }.checked()
    }

    pub(super) fn with_idle(self, time: Duration) -> Result<Self, ConfigError> {
        let idle = Some(seconds(time)?);
        Self { idle, ..self }.checked()
    }

    pub(super) const fn absolute(self) -> u64 {
        self.absolute
    }

    pub(super) fn idle(self) -> u64 {
        self.idle.unwrap_or_else(|| self.absolute.min(30 * 60))
    }

    /// Checks that a session has not ended.
    pub(super) fn check(self, times: Times, now: u64) -> Result<(), SessionRefusal> {
        if times.created.max(times.seen) > now.saturating_add(SKEW) {
            return Err(SessionRefusal::NotYet);
        }
        if now.saturating_sub(times.created) >= self.absolute {
            return Err(SessionRefusal::Expired);
        }
        if now.saturating_sub(times.seen) >= self.idle() {
            return Err(SessionRefusal::Idle);
        }
        Ok(())
    }

    /// The times of a stored session, given the expiry of its record. Noting a use changes only the
    /// expiry, so that the record's data need not be written again.
    pub(super) fn noted(self, written: Times, expires: SystemTime, now: u64) -> Times {
        let ends = expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        // If `idle` was longer when the use was noted, this is in the future: hence `min`. If it was
        // shorter, or if the absolute end is nearer, this is too early: hence the later of the two
        // times.
        let seen = ends.as_secs().saturating_sub(self.idle()).min(now);
        written.seen(written.seen.max(seen))
    }

    /// Whether to note that the session was used: not with every request, but when a quarter of the
    /// idle time has passed, and only if this prolongs the session.
    pub(super) fn is_due(self, times: Times, now: u64) -> bool {
        now.saturating_sub(times.seen) >= (self.idle() / 4).max(1)
            && self.ends(times.seen(now)) > self.ends(times)
    }

    /// How long the session lasts after it was last seen, if it is not used again.
    pub(super) fn left(self, times: Times) -> Duration {
        self.left_at_most(times)
            .min(Duration::from_secs(self.idle()))
    }

    /// How long the session lasts after it was last seen, however much it is used.
    pub(super) const fn left_at_most(self, times: Times) -> Duration {
        let age = times.seen.saturating_sub(times.created);
        Duration::from_secs(self.absolute.saturating_sub(age))
    }

    /// When the session ends, if it is not used again.
    pub(super) fn ends(self, times: Times) -> SystemTime {
        let end = Duration::from_secs(times.seen).saturating_add(self.left(times));
        // A time that the system cannot represent counts as past: the store then drops the session.
        UNIX_EPOCH.checked_add(end).unwrap_or(UNIX_EPOCH)
    }

    fn checked(self) -> Result<Self, ConfigError> {
        if self.idle() > self.absolute {
            let message = "`idle` is longer than `absolute`, which is 12 hours by default: set `absolute` first";
            return Err(error(message));
        }
        Ok(self)
    }
}

fn seconds(time: Duration) -> Result<u64, ConfigError> {
    match time.as_secs() {
        0 => Err(error("a session must last at least one second")),
        1..=MAX_SECONDS => Ok(time.as_secs()),
        _ => Err(error("browsers keep cookies for at most 400 days")),
    }
}

fn error(message: &'static str) -> ConfigError {
    ConfigError::new("Sessions", message)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::{Lifetime, MAX_SECONDS, SKEW, SessionRefusal, Times};

    fn lifetime(absolute: u64, idle: u64) -> Lifetime {
        let lifetime = Lifetime::default().with_absolute(Duration::from_secs(absolute));
        let idle = Duration::from_secs(idle);
        lifetime.unwrap().with_idle(idle).unwrap()
    }

    #[test]
    fn ends_at_the_exact_second() {
        use SessionRefusal::{Expired, Idle, NotYet};
        let times = |created, seen| Times { created, seen };
        let cases = [
            ("at once", times(1_000, 1_000), Ok(())),
            ("used a second ago", times(901, 999), Ok(())),
            ("in the last second", times(901, 991), Ok(())),
            ("over", times(900, 999), Err(Expired)),
            ("long over", times(0, 0), Err(Expired)),
            ("in the last unused second", times(990, 991), Ok(())),
            ("unused", times(990, 990), Err(Idle)),
            ("over and unused", times(900, 900), Err(Expired)),
            ("within the skew", times(1_000 + SKEW, 1_000 + SKEW), Ok(())),
            ("beyond it", times(1_001 + SKEW, 1_000), Err(NotYet)),
            ("seen beyond it", times(1_000, 1_001 + SKEW), Err(NotYet)),
            ("at the end of time", times(u64::MAX, u64::MAX), Err(NotYet)),
        ];
        for (name, times, expected) in cases {
            assert_eq!(lifetime(100, 10).check(times, 1_000), expected, "{name}");
        }
    }

    #[test]
    fn a_session_is_due_after_a_quarter_of_the_idle_time() {
        for (idle, unused, due) in [
            (100, 24, false),
            (100, 25, true),
            (3, 0, false),
            (3, 1, true),
        ] {
            let times = Times::starting(1_000);
            assert_eq!(lifetime(1_000, idle).is_due(times, 1_000 + unused), due);
        }
    }

    #[test]
    fn a_session_that_cannot_last_longer_is_not_due() {
        let times = |seen| Times {
            created: 1_000,
            seen,
        };
        for (seen, now, due) in [(1_069, 1_080, true), (1_070, 1_080, false)] {
            assert_eq!(lifetime(100, 30).is_due(times(seen), now), due, "{seen}");
        }
    }

    #[test]
    fn the_expiry_of_a_record_determines_the_last_use() {
        let written = Times {
            created: 1_000,
            seen: 1_010,
        };
        for (name, ends, seen) in [
            ("as it was written", 1_040, 1_010),
            ("noted since", 1_055, 1_025),
            ("noted now", 1_060, 1_030),
            ("noted with a longer idle time", 1_090, 1_030),
            ("noted with a shorter one", 1_020, 1_010),
            ("in 1970", 0, 1_010),
        ] {
            let ends = UNIX_EPOCH + Duration::from_secs(ends);
            let noted = lifetime(100, 30).noted(written, ends, 1_030);
            assert_eq!(noted, written.seen(seen), "{name}");
        }
    }

    #[test]
    fn the_idle_time_ends_at_the_absolute_end() {
        let lifetime = lifetime(100, 30);
        let times = |seen| Times {
            created: 1_000,
            seen,
        };
        for (seen, left) in [(1_000, 30), (1_070, 30), (1_071, 29), (1_200, 0)] {
            assert_eq!(lifetime.left(times(seen)), Duration::from_secs(left));
            let end = UNIX_EPOCH + Duration::from_secs(seen + left);
            assert_eq!(lifetime.ends(times(seen)), end);
        }
    }

    proptest! {
        #[test]
        fn no_time_overflows_and_the_store_agrees(
            created: u64, seen: u64, now: u64, absolute in 1..=MAX_SECONDS, idle in 1..=MAX_SECONDS,
        ) {
            let lifetime = lifetime(absolute, idle.min(absolute));
            let times = Times { created, seen };
            let checked = lifetime.check(times, now);
            lifetime.is_due(times, now);
            if checked.is_ok() && seen >= created && now < u64::MAX / 4 {
                // The store still has every session that would be accepted.
                prop_assert!(lifetime.ends(times) > UNIX_EPOCH + Duration::from_secs(now));
            }
        }
    }
}
