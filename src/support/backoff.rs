//! Says how long to leave alone what has failed.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// The pause after so many others: it doubles up to the longest, and is between three quarters and
/// five quarters of that, so that instances do not try again together.
pub(crate) fn growing(first: Duration, before: u32, longest: Duration) -> Duration {
    jittered(doubled(first, before, longest))
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 512;
    let factor = u32::try_from(random).unwrap_or_default();
    pause.saturating_mul(factor.saturating_add(768)) / 1024
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{doubled, jittered};

    #[test]
    fn pauses_grow_to_the_longest() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(60));
        let seconds = [1, 2, 4, 8, 16, 32, 60, 60];
        for (before, seconds) in (0..).zip(seconds) {
            let pause = doubled(first, before, longest);
            assert_eq!(pause, Duration::from_secs(seconds));
        }
        assert_eq!(doubled(first, u32::MAX, longest), longest);
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(4));
            assert!((3..=5).contains(&pause.as_secs()), "{pause:?}");
        }
    }
}
