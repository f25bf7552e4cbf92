//! Times as stores keep them: in nanoseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970. Times before are 0, those after 2554 the last that there is.
pub(super) fn nanos(time: SystemTime) -> u64 {
    whole(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

pub(super) fn whole(since_epoch: Duration) -> u64 {
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// The time that [`nanos`] came from.
pub(super) fn time(nanos: u64) -> SystemTime {
    let time = UNIX_EPOCH.checked_add(Duration::from_nanos(nanos));
    // Where such times do not exist, it is over.
    time.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{nanos, time};

    #[test]
    fn times_come_back_to_the_nanosecond() {
        let exact = UNIX_EPOCH + Duration::new(1_795_190_400, 123_456_789);
        assert_eq!(time(nanos(exact)), exact);
        assert_eq!(nanos(UNIX_EPOCH - Duration::from_secs(1)), 0);
        let far = UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert_eq!(nanos(far), u64::MAX);
        assert!(time(u64::MAX) > exact);
    }
}
