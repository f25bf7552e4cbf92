//! Exponential backoff with jitter, for Redis and for fetched keys.

use std::time::Duration;

use super::seed::random_bits;

/// How long to wait after this many failures in a row: twice as long each time, up to the longest,
/// and between three quarters and five quarters of that, so that instances do not retry together.
pub(crate) fn exponential(first: Duration, failures: u32, longest: Duration) -> Duration {
    jittered(doubled(first, failures, longest))
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

fn jittered(backoff: Duration) -> Duration {
    let random = random_bits() % 512;
    let factor = u32::try_from(random).unwrap_or_default();
    backoff.saturating_mul(factor.saturating_add(768)) / 1024
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{doubled, jittered};

    #[test]
    fn backoff_grows_to_the_longest() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(60));
        let seconds = [1, 2, 4, 8, 16, 32, 60, 60];
        for (before, seconds) in (0..).zip(seconds) {
            let backoff = doubled(first, before, longest);
            assert_eq!(backoff, Duration::from_secs(seconds));
        }
        assert_eq!(doubled(first, u32::MAX, longest), longest);
        for _ in 0..100 {
            let backoff = jittered(Duration::from_secs(4));
            assert!((3..=5).contains(&backoff.as_secs()), "{backoff:?}");
        }
    }
}
