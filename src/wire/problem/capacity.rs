//! Says that the server has no room for a request now.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};

use super::Problem;

impl Problem {
    /// The 503 of section 5.2 of draft-ietf-httpapi-ratelimit-headers-11, which a limit gives as it is
    /// meant to. It needs `Retry-After`.
    pub(crate) fn reduced_capacity() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .kind("https://iana.org/assignments/http-problem-types#temporary-reduced-capacity")
            .title("Request cannot be satisfied due to temporary server capacity constraints")
            .detail("Wait as long as `Retry-After` says, then try again.")
            .expected()
    }

    /// With `Retry-After` in whole seconds, rounded up and at least one.
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        self.header(header::RETRY_AFTER, retry_after(wait))
    }
}

/// A `Retry-After` in whole seconds, rounded up and at least one.
pub(crate) fn retry_after(wait: Duration) -> HeaderValue {
    let part = u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(wait.as_secs().saturating_add(part).max(1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Problem;

    #[test]
    fn retry_after_is_rounded_up_and_never_zero() {
        let cases = [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_999, 60)];
        for (millis, seconds) in cases {
            let problem = Problem::reduced_capacity().retry_after(Duration::from_millis(millis));
            assert_eq!(problem.headers()["retry-after"], seconds.to_string());
        }
        let longest = Problem::reduced_capacity().retry_after(Duration::MAX);
        assert_eq!(longest.headers()["retry-after"], u64::MAX.to_string());
    }
}
