//! How much a client may do.

use std::{num::NonZeroU32, time::Duration};

use wythe::Quota;

/// The limits of the routes, which a test can raise.
#[derive(Clone, Copy, Debug)]
pub struct RateLimits {
    factor: NonZeroU32,
}

impl RateLimits {
    /// As many times the usual limits.
    pub fn times(factor: NonZeroU32) -> Self {
        Self { factor }
    }

    pub(crate) fn per_minute(self, requests: u32) -> Quota {
        self.per(requests, Duration::from_secs(60))
    }

    pub(crate) fn per_hour(self, requests: u32) -> Quota {
        self.per(requests, Duration::from_secs(60 * 60))
    }

    pub(crate) fn per(self, requests: u32, period: Duration) -> Quota {
        Quota::per(requests.saturating_mul(self.factor.get()), period)
    }
}

/// The usual limits.
impl Default for RateLimits {
    fn default() -> Self {
        Self::times(NonZeroU32::MIN)
    }
}
