//! A limit of a layer, and its wording: [`Limit`].
#![cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        reason = "rate limits and the audit of an `Api` use some of it"
    )
)]

use std::{borrow::Cow, fmt, time::Duration};

/// A limit on the requests of each key: how many pass in a period, or how many are in progress at once.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::description::Limit;
///
/// let hour = Duration::from_secs(3_600);
/// let hourly = Limit::requests("hourly", 100, hour).burst(10);
/// assert_eq!(hourly.to_string(), "100 requests per hour, at most 10 at once, one every 36 s");
/// assert_eq!(Limit::concurrent("uploads", 4).to_string(), "4 requests at once");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Limit {
    name: Cow<'static, str>,
    count: u64,
    /// `None` for requests in progress at once.
    period: Option<Duration>,
    burst: Option<u64>,
    queue: Option<(u64, Duration)>,
    is_of_plan: bool,
    is_weighted: bool,
    key: Vec<Cow<'static, str>>,
}

impl Limit {
    /// At most `count` requests per period. They come back evenly: with 60 per minute, one each second.
    pub fn requests(name: impl Into<Cow<'static, str>>, count: u64, period: Duration) -> Self {
        Self {
            period: Some(period),
            ..Self::concurrent(name, count)
        }
    }

    /// At most `count` requests in progress at once.
    pub fn concurrent(name: impl Into<Cow<'static, str>>, count: u64) -> Self {
        Self {
            name: name.into(),
            count,
            period: None,
            burst: None,
            queue: None,
            is_of_plan: false,
            is_weighted: false,
            key: Vec::new(),
        }
    }

    /// The name of a quota that has been given none, such as `100-per-minute`.
    pub(crate) fn name_of(count: u64, period: Duration) -> String {
        const HOUR: u64 = 60 * 60;
        const DAY: u64 = 24 * HOUR;
        match (period.as_secs(), period.subsec_nanos()) {
            (1, 0) => format!("{count}-per-second"),
            (60, 0) => format!("{count}-per-minute"),
            (HOUR, 0) => format!("{count}-per-hour"),
            (DAY, 0) => format!("{count}-per-day"),
            (seconds, 0) => format!("{count}-per-{seconds}s"),
            (_, nanos) if nanos % 1_000_000 == 0 => {
                format!("{count}-per-{}ms", period.as_millis())
            }
            _ => format!("{count}-per-{}ns", period.as_nanos()),
        }
    }

    /// Whether the name says more than the numbers.
    pub(crate) fn has_own_name(&self) -> bool {
        let period = self.period;
        self.name != "default"
            && period.is_none_or(|period| self.name != Self::name_of(self.count, period))
    }

    /// How many of the requests of a period may come at once; by default all of them.
    pub const fn burst(mut self, count: u64) -> Self {
        self.burst = Some(count);
        self
    }

    /// How many requests wait while the limit is reached, and for how long; by default none.
    pub const fn queue(mut self, max_waiting: u64, max_wait: Duration) -> Self {
        self.queue = Some((max_waiting, max_wait));
        self
    }

    /// The limit applies only to requests of one plan, which is determined for each request.
    pub const fn of_plan(mut self) -> Self {
        self.is_of_plan = true;
        self
    }

    /// Counts units instead of requests; a request may cost any number of units.
    pub const fn weighted(mut self) -> Self {
        self.is_weighted = true;
        self
    }

    /// The name, as clients see it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many requests, or units: per [`period`](Self::period), or at once if there is none.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The period; `None` for a limit on requests in progress.
    #[must_use]
    pub const fn period(&self) -> Option<Duration> {
        self.period
    }

    /// How many may come at once.
    #[must_use]
    pub fn most_at_once(&self) -> u64 {
        self.burst.unwrap_or(self.count)
    }

    /// The time in which [`most_at_once`](Self::most_at_once) comes back: the window that clients are
    /// told. `None` for a limit on requests in progress.
    #[must_use]
    pub fn window(&self) -> Option<Duration> {
        let nanos = self.interval()?.as_nanos();
        let nanos = nanos.saturating_mul(self.most_at_once().into());
        Some(Duration::from_nanos(
            u64::try_from(nanos).unwrap_or(u64::MAX),
        ))
    }

    /// How many requests wait while the limit is reached, and for how long.
    #[must_use]
    pub const fn waiting(&self) -> Option<(u64, Duration)> {
        self.queue
    }

    /// Whether the limit applies only to requests of one plan, which is determined for each request.
    #[must_use]
    pub const fn is_of_plan(&self) -> bool {
        self.is_of_plan
    }

    /// Whether units are counted instead of requests; a request may cost any number of units.
    #[must_use]
    pub const fn is_weighted(&self) -> bool {
        self.is_weighted
    }

    /// The parts of the key by which requests are counted, in words: `peer address`, `principal`. Empty
    /// if all requests are counted together.
    #[must_use]
    pub fn key(&self) -> &[Cow<'static, str>] {
        &self.key
    }

    pub(super) fn add_to_key(&mut self, part: Cow<'static, str>) {
        self.key.push(part);
    }

    /// The time in which one request comes back.
    fn interval(&self) -> Option<Duration> {
        let nanos = u64::try_from(self.period?.as_nanos()).unwrap_or(u64::MAX);
        Some(Duration::from_nanos(
            nanos.checked_div(self.count).unwrap_or(nanos),
        ))
    }
}

/// What passes: `10 requests per minute, one every 6 s`. The key is not shown.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.count == 1 { "" } else { "s" };
        let what = if self.is_weighted { "unit" } else { "request" };
        write!(f, "{} {what}{s}", self.count)?;
        let (Some(period), Some(interval)) = (self.period, self.interval()) else {
            return f.write_str(" at once");
        };
        match period.as_nanos() {
            1_000_000_000 => f.write_str(" per second")?,
            60_000_000_000 => f.write_str(" per minute")?,
            3_600_000_000_000 => f.write_str(" per hour")?,
            86_400_000_000_000 => f.write_str(" per day")?,
            _ => write!(f, " in {}", Rounded(period))?,
        }
        if let Some(burst) = self.burst {
            write!(f, ", at most {burst} at once")?;
        }
        if self.count > 1 {
            // They do not come back all together at the end of the period.
            write!(f, ", one every {}", Rounded(interval))?;
        }
        Ok(())
    }
}

/// A time with at most one decimal: `36 s`, `2.4 h`. Minutes and hours are used from two on, so that 90
/// seconds stay 90 seconds.
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u128, &str); 6] = [
            (3_600_000_000_000, "h"),
            (60_000_000_000, "min"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "µs"),
            (1, "ns"),
        ];
        let nanos = self.0.as_nanos();
        let fits = |size: u128| match size {
            3_600_000_000_000 | 60_000_000_000 => nanos >= size.saturating_mul(2),
            _ => nanos >= size,
        };
        let unit = UNITS.into_iter().find(|(size, _)| fits(*size));
        let (size, unit) = unit.unwrap_or((1, "ns"));
        let tenths = nanos.saturating_mul(10).saturating_add(size / 2) / size;
        match tenths % 10 {
            0 => write!(f, "{} {unit}", tenths / 10),
            tenth => write!(f, "{}.{tenth} {unit}", tenths / 10),
        }
    }
}

/// When one of these limits refuses a request, in words.
pub(super) fn when_exceeded(limits: &[Limit]) -> String {
    if let [limit] = limits
        && limit.period.is_none()
    {
        let of_key = if limit.key.is_empty() {
            ""
        } else {
            " of its key"
        };
        let verb = if limit.count == 1 { "is" } else { "are" };
        let s = if limit.count == 1 { "" } else { "s" };
        let when_full = format!("when {} request{s}{of_key} {verb} in progress", limit.count);
        return match limit.queue {
            None => when_full,
            Some((max_waiting, max_wait)) => {
                format!("{when_full} and {max_waiting} wait, or after a wait of {max_wait:?}")
            }
        };
    }
    let listed: Vec<_> = limits
        .iter()
        .map(|limit| format!("{:?}: {limit}", limit.name))
        .collect();
    let of_plan = if limits.iter().any(|limit| limit.is_of_plan) {
        "a quota of its plan"
    } else {
        "a quota"
    };
    format!("when {of_plan} is spent ({})", listed.join("; "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Limit, Rounded, when_exceeded};

    #[test]
    fn says_how_requests_come_back() {
        let cases = [
            (
                Limit::requests("a", 10, Duration::from_secs(60)),
                "10 requests per minute, one every 6 s",
            ),
            (
                Limit::requests("a", 1, Duration::from_secs(3_600)),
                "1 request per hour",
            ),
            (
                Limit::requests("a", 7, Duration::from_secs(1)).burst(20),
                "7 requests per second, at most 20 at once, one every 142.9 ms",
            ),
            (
                Limit::requests("a", 1_000, Duration::from_secs(86_400)),
                "1000 requests per day, one every 86.4 s",
            ),
            (
                Limit::requests("a", 5, Duration::from_secs(900)),
                "5 requests in 15 min, one every 3 min",
            ),
            (
                Limit::requests("a", 2, Duration::from_secs(1)).weighted(),
                "2 units per second, one every 500 ms",
            ),
            (Limit::concurrent("a", 2), "2 requests at once"),
        ];
        for (limit, words) in cases {
            assert_eq!(limit.to_string(), words);
        }
    }

    #[test]
    fn the_window_is_that_of_the_burst() {
        let hour = Duration::from_secs(3_600);
        let limit = Limit::requests("a", 100, hour).burst(10);
        assert_eq!(limit.window(), Some(Duration::from_secs(360)));
        assert_eq!(Limit::requests("a", 100, hour).window(), Some(hour));
        assert_eq!(Limit::concurrent("a", 100).window(), None);
        // Impossible limits do not panic.
        let zero = Limit::requests("a", 0, hour).burst(u64::MAX);
        assert_eq!(zero.window(), Some(Duration::from_nanos(u64::MAX)));
    }

    #[test]
    fn times_are_rounded_to_one_decimal() {
        let cases = [
            (0, "0 ns"),
            (1, "1 ns"),
            (1_500, "1.5 µs"),
            (142_857_142, "142.9 ms"),
            (1_000_000_000, "1 s"),
            (36_000_000_000, "36 s"),
            (119_960_000_000, "120 s"),
            (180_000_000_000, "3 min"),
            (8_640_000_000_000, "2.4 h"),
        ];
        for (nanos, words) in cases {
            assert_eq!(Rounded(Duration::from_nanos(nanos)).to_string(), words);
        }
    }

    #[test]
    fn says_when_requests_of_a_key_or_a_plan_are_refused() {
        let mut one = Limit::concurrent("a", 1);
        assert_eq!(
            when_exceeded(&[one.clone()]),
            "when 1 request is in progress"
        );
        one.add_to_key("principal".into());
        assert_eq!(
            when_exceeded(&[one]),
            "when 1 request of its key is in progress"
        );
        let plans = [1, 2].map(|count| {
            let minute = Duration::from_secs(60);
            Limit::requests("default", count, minute).of_plan()
        });
        assert_eq!(
            when_exceeded(&plans),
            "when a quota of its plan is spent (\"default\": 1 request per minute; \
             \"default\": 2 requests per minute, one every 30 s)"
        );
    }
}
