//! What bounds the body of a request: [`BodyBound`].

use std::{fmt, time::Duration};

/// Limits on the bytes of a body, and on the time in which they arrive.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::description::BodyBound;
///
/// let bound = BodyBound::new().max_bytes(1_000_000).idle(Duration::from_secs(5));
/// assert_eq!(bound.to_string(), "at most 1000000 bytes, 5s between bytes");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct BodyBound {
    max_bytes: Option<u64>,
    first_byte: Option<Duration>,
    idle: Option<Duration>,
    min_rate: Option<(u64, Duration)>,
    within: Option<Duration>,
}

impl BodyBound {
    /// A bound whose numbers are not known.
    pub const fn new() -> Self {
        Self {
            max_bytes: None,
            first_byte: None,
            idle: None,
            min_rate: None,
            within: None,
        }
    }

    /// The largest body, in bytes.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// The longest wait for the first byte.
    pub const fn first_byte_within(mut self, time: Duration) -> Self {
        self.first_byte = Some(time);
        self
    }

    /// The longest wait between bytes.
    pub const fn idle(mut self, time: Duration) -> Self {
        self.idle = Some(time);
        self
    }

    /// The minimum average rate in bytes per second, once a grace period has passed.
    pub const fn min_rate(mut self, bytes_per_second: u64, grace: Duration) -> Self {
        self.min_rate = Some((bytes_per_second, grace));
        self
    }

    /// The longest wait for the whole body.
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// The largest body, in bytes; `None` if it is not known.
    #[must_use]
    pub const fn max_body_bytes(&self) -> Option<u64> {
        self.max_bytes
    }

    /// The longest wait for the first byte.
    #[must_use]
    pub const fn first_byte_time(&self) -> Option<Duration> {
        self.first_byte
    }

    /// The longest wait between bytes.
    #[must_use]
    pub const fn idle_time(&self) -> Option<Duration> {
        self.idle
    }

    /// The minimum average rate in bytes per second, and the grace period.
    #[must_use]
    pub const fn least_rate(&self) -> Option<(u64, Duration)> {
        self.min_rate
    }

    /// The longest wait for the whole body.
    #[must_use]
    pub const fn total_time(&self) -> Option<Duration> {
        self.within
    }
}

/// The limits in words: `at most 1000000 bytes, first byte within 5s`.
impl fmt::Display for BodyBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.max_bytes.map(|bytes| format!("at most {bytes} bytes")),
            self.first_byte
                .map(|time| format!("first byte within {time:?}")),
            self.idle.map(|time| format!("{time:?} between bytes")),
            self.min_rate
                .map(|(rate, grace)| format!("at least {rate} bytes per second after {grace:?}")),
            self.within.map(|time| format!("all within {time:?}")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return f.write_str("bounded");
        }
        f.write_str(&parts.join(", "))
    }
}
