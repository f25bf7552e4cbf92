//! governor, called directly.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

pub(super) struct Limit(DefaultKeyedRateLimiter<IpAddr>);

impl Limit {
    pub(super) fn new() -> Self {
        let burst = NonZeroU32::new(1_000_000).expect("not zero");
        let quota = Quota::with_period(Duration::from_nanos(1)).expect("not zero");
        Self(RateLimiter::keyed(quota.allow_burst(burst)))
    }

    pub(super) fn admits(&self, peer: IpAddr) -> bool {
        self.0.check_key(&peer).is_ok()
    }
}
