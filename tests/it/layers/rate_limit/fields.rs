//! What `with_rate_limit` tells clients: draft-ietf-httpapi-ratelimit-headers-11.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response, header};
use tower::{Layer, ServiceExt};
use wythe::{Quota, RateLimit, RateLimitFields, With, key::ByPeer, rate_limit::*, with_rate_limit};

use crate::common::{
    self, Body, Ok200,
    limits::{Item, ManualClock, call, field, from_peer, items, refused, send},
    read,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn limited(
    quotas: impl IntoIterator<Item = Quota>,
    fields: RateLimitFields,
    clock: &ManualClock,
) -> With<Limiter<ByPeer>> {
    let limit = RateLimit::of(quotas).unwrap().by_peer();
    with_rate_limit(limit.fields(fields).clock(clock.now()))
}

#[tokio::test]
async fn writes_policies_as_in_the_draft() {
    let cases: [(&[Quota], &str); 11] = [
        // Section 3, with the spacing of STANDARDS.
        (
            &[
                Quota::per_minute(100).named("burst"),
                Quota::per_day(1_000).named("daily"),
            ],
            r#""burst";q=100;w=60, "daily";q=1000;w=86400"#,
        ),
        // Section 3.2.
        (&[Quota::per(100, secs(10))], r#""100-per-10s";q=100;w=10"#),
        (
            &[
                Quota::per_minute(50).named("permin"),
                Quota::per_hour(1_000).named("perhr"),
            ],
            r#""permin";q=50;w=60, "perhr";q=1000;w=3600"#,
        ),
        // The same rate, expressed by the burst.
        (
            &[Quota::per_hour(100).burst(10)],
            r#""100-per-hour";q=10;w=360"#,
        ),
        (
            &[Quota::per_second(5).burst(10)],
            r#""5-per-second";q=10;w=2"#,
        ),
        // Windows are whole seconds, so they are rounded to the safe side; less than one is not said.
        (
            &[Quota::per(10, Duration::from_millis(500))],
            r#""10-per-500ms";q=10"#,
        ),
        (
            &[
                Quota::per_second(100).burst(10),
                Quota::per_hour(9).named("h"),
            ],
            r#""100-per-second";q=10, "h";q=9;w=3600"#,
        ),
        (&[Quota::per_second(3)], r#""3-per-second";q=3;w=1"#),
        (&[Quota::per_second(3).burst(2)], r#""3-per-second";q=2"#),
        (
            &[Quota::per(7, Duration::from_millis(61_001))],
            r#""7-per-61001ms";q=7;w=62"#,
        ),
        // RFC 9651, section 4.1.6.
        (
            &[Quota::per_second(1).named(r#"a "b\c""#)],
            r#""a \"b\\c\"";q=1;w=1"#,
        ),
    ];
    for (quotas, expected) in cases {
        let clock = ManualClock::default();
        let layer = limited(quotas.to_vec(), RateLimitFields::Draft, &clock);
        let response = call(&layer).await;
        assert_eq!(refused(&response), None);
        assert_eq!(field(&response, "ratelimit-policy"), Some(expected));
    }
}

#[tokio::test]
async fn writes_limits_as_in_the_draft() {
    // Section 4.2: `r=50;t=30`.
    let clock = ManualClock::default();
    let layer = limited(
        [Quota::per(51, secs(30 * 51))],
        RateLimitFields::Draft,
        &clock,
    );
    let response = call(&layer).await;
    assert_eq!(
        field(&response, "ratelimit"),
        Some(r#""51-per-1530s";r=50;t=30"#)
    );
}

#[tokio::test]
async fn the_fields_are_on_successes_and_on_refusals() {
    let clock = ManualClock::default();
    let quotas = [
        Quota::per_second(1).named("burst"),
        Quota::per_minute(3).named("minute"),
    ];
    let layer = limited(quotas, RateLimitFields::Draft, &clock);
    let policy = r#""burst";q=1;w=1, "minute";q=3;w=60"#;
    let cases = [
        (0, None, r#""burst";r=0;t=1, "minute";r=2;t=20"#),
        // Only one quota is spent, and `Retry-After` says when it has units again.
        (0, Some(1), r#""burst";r=0;t=1, "minute";r=2"#),
        (1, None, r#""burst";r=0;t=1, "minute";r=1;t=19"#),
        (1, None, r#""burst";r=0;t=1, "minute";r=0;t=18"#),
        (0, Some(18), r#""burst";r=0;t=1, "minute";r=0;t=18"#),
        (1, Some(17), r#""burst";r=1, "minute";r=0;t=17"#),
        (17, None, r#""burst";r=0;t=1, "minute";r=0;t=20"#),
    ];
    for (n, (pause, retry_after, limit)) in cases.into_iter().enumerate() {
        clock.advance(secs(pause));
        let response = call(&layer).await;
        assert_eq!(refused(&response), retry_after, "{n}");
        assert_eq!(field(&response, "ratelimit"), Some(limit), "{n}");
        assert_eq!(field(&response, "ratelimit-policy"), Some(policy), "{n}");
        assert_eq!(
            field(&response, "access-control-expose-headers"),
            None,
            "{n}"
        );
    }
}

#[tokio::test]
async fn limits_without_names_have_distinct_ones() {
    let limit = |quota: Quota| with_rate_limit(quota.by_peer().unwrap());
    let quotas = [
        (Quota::per_second(1), "1-per-second"),
        (Quota::per_minute(2), "2-per-minute"),
        (Quota::per_minute(3), "3-per-minute"),
        (Quota::per_hour(4), "4-per-hour"),
        (Quota::per_day(5).burst(2), "5-per-day"),
        (Quota::per(6, secs(900)), "6-per-900s"),
        (Quota::per(7, Duration::from_nanos(1_500)), "7-per-1500ns"),
    ];
    let names: Vec<_> = quotas.iter().map(|(_, name)| *name).collect();
    let mut service = tower::util::BoxCloneSyncService::new(Ok200);
    for (quota, _) in quotas.iter().rev() {
        service = tower::util::BoxCloneSyncService::new(limit(quota.clone()).layer(service));
    }
    let request = from_peer("203.0.113.9:1");
    let response = read(service.oneshot(request).await.unwrap()).await;
    for field in ["ratelimit", "ratelimit-policy"] {
        let lines = response.headers().get_all(field).iter();
        let reported: Vec<_> = lines
            .map(|line| line.to_str().unwrap().split(['"']).nth(1).unwrap())
            .collect();
        // The innermost limit writes first.
        assert!(reported.iter().rev().eq(&names), "{field}: {reported:?}");
    }
}

#[tokio::test]
async fn times_are_rounded_up() {
    let clock = ManualClock::default();
    let layer = limited(
        [Quota::per(1, Duration::from_millis(2_500))],
        RateLimitFields::Draft,
        &clock,
    );
    assert_eq!(
        field(&call(&layer).await, "ratelimit"),
        Some(r#""1-per-2500ms";r=0;t=3"#)
    );
    let cases = [(0, 3), (500, 2), (1, 2), (998, 2), (1, 1), (999, 1)];
    for (pause, wait) in cases {
        clock.advance(Duration::from_millis(pause));
        assert_eq!(refused(&call(&layer).await), Some(wait));
    }
    clock.advance(Duration::from_millis(1));
    assert_eq!(refused(&call(&layer).await), None);
}

#[tokio::test]
async fn the_older_fields_report_the_quota_with_the_least_left() {
    let clock = ManualClock::default();
    let quotas = [
        Quota::per_second(5).named("burst"),
        Quota::per_minute(2).named("minute"),
    ];
    let layer = limited(quotas, RateLimitFields::Legacy, &clock);
    for (remaining, retry_after) in [("1", None), ("0", None), ("0", Some(30))] {
        let response = call(&layer).await;
        assert_eq!(refused(&response), retry_after);
        assert_eq!(field(&response, "x-ratelimit-limit"), Some("2"));
        assert_eq!(field(&response, "x-ratelimit-remaining"), Some(remaining));
        assert_eq!(field(&response, "x-ratelimit-reset"), Some("30"));
        assert_eq!(field(&response, "ratelimit"), None);
        assert_eq!(field(&response, "ratelimit-policy"), None);
    }
}

#[tokio::test]
async fn without_fields_a_refusal_still_has_retry_after() {
    let clock = ManualClock::default();
    let layer = limited([Quota::per_minute(1)], RateLimitFields::None, &clock);
    for retry_after in [None, Some(60)] {
        let response = call(&layer).await;
        assert_eq!(refused(&response), retry_after);
        let names = response.headers().keys().map(HeaderName::as_str);
        assert!(names.into_iter().all(|name| !name.contains("ratelimit")));
    }
}

#[tokio::test]
async fn cors_exposes_the_fields_to_other_origins() {
    let cases = [
        (
            RateLimitFields::Draft,
            Some("RateLimit, RateLimit-Policy, Retry-After"),
            "RateLimit, RateLimit-Policy, Retry-After",
        ),
        (
            RateLimitFields::Legacy,
            Some("X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After"),
            "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After",
        ),
        (RateLimitFields::None, None, "Retry-After"),
    ];
    for (fields, on_success, on_refusal) in cases {
        let clock = ManualClock::default();
        let layer = limited([Quota::per_minute(1)], fields, &clock);
        for (retry_after, exposed) in [(None, on_success), (Some(60), Some(on_refusal))] {
            let mut request = from_peer("192.0.2.1:1");
            let origin = HeaderValue::from_static("https://app.example.com");
            request.headers_mut().insert(header::ORIGIN, origin);
            let response = send(&layer, request).await;
            assert_eq!(refused(&response), retry_after);
            assert_eq!(field(&response, "access-control-expose-headers"), exposed);
        }
    }
}

/// Two limits, one inside the other.
async fn through_both(fields: RateLimitFields) -> Response<bytes::Bytes> {
    let clock = ManualClock::default();
    let outer = limited([Quota::per_minute(100).named("outer")], fields, &clock);
    let inner = limited([Quota::per_minute(10).named("inner")], fields, &clock);
    let service = outer.layer(inner.layer(Ok200));
    let request: Request<Body> = from_peer("192.0.2.1:1");
    read(service.oneshot(request).await.unwrap()).await
}

#[tokio::test]
async fn two_limits_in_a_stack_are_both_reported() {
    let response = through_both(RateLimitFields::Draft).await;
    let lines = response.headers().get_all("ratelimit").iter();
    let lines: Vec<_> = lines.map(|line| line.to_str().unwrap()).collect();
    assert_eq!(lines, [r#""inner";r=9;t=6"#, r#""outer";r=99;t=1"#]);
    assert_eq!(
        response
            .headers()
            .get_all("ratelimit-policy")
            .iter()
            .count(),
        2
    );
    // The older fields have room for one limit: the one with fewer units left.
    let response = through_both(RateLimitFields::Legacy).await;
    assert_eq!(field(&response, "x-ratelimit-limit"), Some("10"));
    assert_eq!(field(&response, "x-ratelimit-remaining"), Some("9"));
    assert_eq!(field(&response, "x-ratelimit-reset"), Some("6"));
}

#[tokio::test]
async fn the_fields_of_one_response_do_not_change_with_later_responses() {
    let clock = ManualClock::default();
    let layer = limited([Quota::per_hour(1_000)], RateLimitFields::Draft, &clock);
    let mut kept = Vec::new();
    for _ in 0..500 {
        kept.push(call(&layer).await);
    }
    for (n, response) in kept.iter().enumerate() {
        let expected = Item {
            name: "1000-per-hour".to_owned(),
            remaining: 999 - u64::try_from(n).unwrap(),
            window: Some(4),
        };
        let reported = items(field(response, "ratelimit").unwrap());
        assert_eq!(reported, [expected]);
    }
}

#[cfg(feature = "cors")]
#[tokio::test]
async fn a_page_that_cors_allows_can_read_the_refusal() {
    use wythe::{Cors, compose, with_cors};

    const ORIGINS: [&str; 2] = ["https://app.example.com", "https://b.example.com"];

    let clock = ManualClock::default();
    let stack = compose((
        with_cors(Cors::origins(ORIGINS).unwrap()),
        limited([Quota::per_minute(1)], RateLimitFields::Draft, &clock),
    ));
    let cases = [
        ("https://app.example.com", None, true),
        ("https://app.example.com", Some(60), true),
        ("https://evil.example", Some(60), false),
    ];
    for (origin, retry_after, allowed) in cases {
        let mut request = from_peer("192.0.2.1:1");
        let value = HeaderValue::from_static(origin);
        request.headers_mut().insert(header::ORIGIN, value);
        let response = common::send(&stack, request).await;
        assert_eq!(refused(&response), retry_after, "{origin}");
        let exposed = allowed.then_some("RateLimit, RateLimit-Policy, Retry-After");
        assert_eq!(field(&response, "access-control-expose-headers"), exposed);
        let readable = field(&response, "access-control-allow-origin");
        assert_eq!(readable, allowed.then_some(origin));
    }
}
