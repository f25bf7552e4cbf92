//! Which requests `with_rate_limit` lets through.

use std::time::Duration;

use http::{HeaderValue, Request, StatusCode};
use proptest::prelude::*;
use wythe::{
    Needed, Place, Problem, Quota, RateLimit, RequestHead, compose, key::Key, stage, with,
    with_rate_limit,
};

use crate::common::{
    self, empty,
    limits::{ManualClock, call, field, from_peer, items, refused, send},
    tenancy::{Tenancy, Tenant},
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

#[tokio::test]
async fn a_quota_is_spent_and_refills_evenly() {
    let clock = ManualClock::default();
    let limit = Quota::per_minute(3).by_peer().unwrap().clock(clock.now());
    let layer = with_rate_limit(limit);
    for _ in 0..3 {
        assert_eq!(refused(&call(&layer).await), None);
    }
    assert_eq!(refused(&call(&layer).await), Some(20));
    // Not a nanosecond early.
    clock.advance(secs(20) - Duration::from_nanos(1));
    assert_eq!(refused(&call(&layer).await), Some(1));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(refused(&call(&layer).await), None);
    assert_eq!(refused(&call(&layer).await), Some(20));
    // Full again, and not more than full.
    clock.advance(secs(1_000_000));
    for _ in 0..3 {
        assert_eq!(refused(&call(&layer).await), None);
    }
    assert_eq!(refused(&call(&layer).await), Some(20));
}

#[tokio::test]
async fn with_a_stopped_clock_exactly_the_quota_passes() {
    let quotas = [
        (Quota::per_second(5), 5),
        (Quota::per_minute(7), 7),
        (Quota::per_hour(100), 100),
        (Quota::per_day(1), 1),
        (Quota::per(3, Duration::from_millis(10)), 3),
        (Quota::per_hour(100).burst(10), 10),
        (Quota::per_second(1).burst(50), 50),
    ];
    for (quota, count) in quotas {
        let clock = ManualClock::default();
        let name = format!("{quota:?}");
        let layer = with_rate_limit(quota.by_peer().unwrap().clock(clock.now()));
        for _ in 0..count {
            assert_eq!(refused(&call(&layer).await), None, "{name}");
        }
        for _ in 0..10 {
            assert!(refused(&call(&layer).await).is_some(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_client_that_keeps_retrying_passes_as_soon_as_one_that_waits() {
    let clock = ManualClock::default();
    let layer = with_rate_limit(Quota::per_minute(1).by_peer().unwrap().clock(clock.now()));
    assert_eq!(refused(&call(&layer).await), None);
    for left in (1..=60).rev() {
        assert_eq!(refused(&call(&layer).await), Some(left));
        clock.advance(secs(1));
    }
    assert_eq!(refused(&call(&layer).await), None);
}

#[tokio::test]
async fn a_request_rejected_by_one_quota_takes_nothing_from_the_others() {
    let clock = ManualClock::default();
    for order in [["burst", "daily"], ["daily", "burst"]] {
        let quotas = order.map(|name| match name {
            "burst" => Quota::per_second(2).named("burst"),
            _ => Quota::per_day(10).named("daily"),
        });
        let limit = RateLimit::of(quotas).unwrap().by_peer().clock(clock.now());
        let layer = with_rate_limit(limit);
        let mut passed = 0;
        for _ in 0..5 {
            for _ in 0..20 {
                passed += u32::from(refused(&call(&layer).await).is_none());
            }
            clock.advance(secs(1));
        }
        // Two in each of five seconds: if the 90 rejected requests counted, it would be fewer.
        assert_eq!(passed, 10, "{order:?}");
        let response = call(&layer).await;
        let problem = common::problem(&response, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(problem["violated-policies"], serde_json::json!(["daily"]));
    }
}

#[tokio::test]
async fn the_problem_names_every_spent_quota() {
    let clock = ManualClock::default();
    let quotas = [
        Quota::per_second(1).named("a"),
        Quota::per_minute(5).named("b"),
        Quota::per_hour(1).named("c"),
    ];
    let limit = RateLimit::of(quotas).unwrap().by_peer().clock(clock.now());
    let layer = with_rate_limit(limit);
    assert_eq!(refused(&call(&layer).await), None);
    for (after, spent, wait) in [(0, vec!["a", "c"], 3600), (1, vec!["c"], 3599)] {
        clock.advance(secs(after));
        let response = call(&layer).await;
        assert_eq!(refused(&response), Some(wait));
        let problem = common::problem(&response, StatusCode::TOO_MANY_REQUESTS);
        let kind = "https://iana.org/assignments/http-problem-types#quota-exceeded";
        assert_eq!(problem["type"], kind);
        assert_eq!(problem["violated-policies"], serde_json::json!(spent));
    }
}

#[tokio::test]
async fn peers_are_counted_by_address_and_not_by_port() {
    let cases = [
        ("192.0.2.1:1", "192.0.2.1:65535", 64, true),
        ("192.0.2.1:1", "192.0.2.2:1", 64, false),
        ("192.0.2.1:1", "[::ffff:192.0.2.1]:1", 64, true),
        ("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", 64, false),
        ("[2001:db8::1]:1", "[2001:db8::2:3:4:5]:1", 64, true),
        ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", 64, false),
        ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", 48, true),
        ("[2001:db8::1]:1", "[2001:db8::2]:1", 128, false),
        ("[fe80::1%1]:1", "[fe80::1%2]:1", 64, true),
    ];
    for (one, other, prefix, together) in cases {
        let limit = Quota::per_day(1).by_peer().unwrap();
        let layer = with_rate_limit(limit.ipv6_prefix(prefix).unwrap());
        assert_eq!(refused(&send(&layer, from_peer(one)).await), None);
        assert!(refused(&send(&layer, from_peer(one)).await).is_some());
        let second = refused(&send(&layer, from_peer(other)).await);
        assert_eq!(second.is_some(), together, "{one} {other} /{prefix}");
    }
}

#[tokio::test]
async fn without_an_address_no_request_passes() {
    let layer = with_rate_limit(Quota::per_day(1).by_peer().unwrap());
    for _ in 0..3 {
        let response = send(&layer, Request::new(empty())).await;
        let json = common::problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(
            !json.to_string().contains("PeerAddr"),
            "the cause is for the log: {json}"
        );
        let cause = response.extensions().get::<Problem>().unwrap().cause();
        let cause = cause.unwrap().to_string();
        for fix in [
            "into_make_service_with_connect_info::<SocketAddr>()",
            "wythe::PeerAddr",
        ] {
            assert!(cause.contains(fix), "{cause}");
        }
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn finds_the_address_in_the_connect_info_of_axum() {
    use std::net::SocketAddr;

    use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};
    use wythe::PeerAddr;

    let one: SocketAddr = "192.0.2.1:1".parse().unwrap();
    let other: SocketAddr = "192.0.2.2:1".parse().unwrap();
    let layer = with_rate_limit(Quota::per_day(1).by_peer().unwrap());
    let mut request = Request::new(empty());
    request.extensions_mut().insert(ConnectInfo(one));
    assert_eq!(refused(&send(&layer, request.clone()).await), None);
    assert!(refused(&send(&layer, request.clone()).await).is_some());
    request.extensions_mut().insert(PeerAddr(other));
    assert_eq!(
        refused(&send(&layer, request).await),
        None,
        "`PeerAddr` counts"
    );
    let mut request = Request::new(empty());
    request.extensions_mut().insert(MockConnectInfo(one));
    assert!(refused(&send(&layer, request).await).is_some());
}

#[tokio::test]
async fn a_closure_computes_the_key() {
    let key = |head: &RequestHead<'_>| head.headers().get("x-tenant").cloned();
    let layer = with_rate_limit(Quota::per_day(2).by(key).unwrap());
    let request = |tenant: Option<&'static [u8]>| {
        let mut request = Request::new(empty());
        if let Some(tenant) = tenant {
            let value = HeaderValue::from_bytes(tenant).unwrap();
            request.headers_mut().insert("x-tenant", value);
        }
        request
    };
    // Requests without a key share one quota instead of being unlimited.
    for tenant in [
        Some(&b"a"[..]),
        Some(b"A"),
        Some(b"\xff\xfe"),
        Some(b""),
        None,
    ] {
        for _ in 0..2 {
            assert_eq!(
                refused(&send(&layer, request(tenant)).await),
                None,
                "{tenant:?}"
            );
        }
        assert!(
            refused(&send(&layer, request(tenant)).await).is_some(),
            "{tenant:?}"
        );
    }
}

/// A custom key: rejects requests without one.
struct ByUser;

impl Key for ByUser {
    type Value = u64;
    type Stage = stage::Quota;
    type Needs = ();

    fn of(&self, head: &mut http::request::Parts) -> Result<u64, Problem> {
        let user = head.extensions.get::<u64>().copied();
        user.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED))
    }
}

#[tokio::test]
async fn a_custom_key_may_reject_a_request() {
    let limit = RateLimit::of([Quota::per_day(1)]).unwrap().keyed(ByUser);
    let layer = with_rate_limit(limit);
    let response = send(&layer, Request::new(empty())).await;
    common::problem(&response, StatusCode::UNAUTHORIZED);
    for user in [1_u64, 2] {
        let mut request = Request::new(empty());
        request.extensions_mut().insert(user);
        assert_eq!(refused(&send(&layer, request.clone()).await), None);
        assert!(refused(&send(&layer, request).await).is_some());
    }
}

/// Counts by what another layer provides.
struct ByTenant;

impl Key for ByTenant {
    type Value = String;
    type Stage = stage::Quota;
    type Needs = Needed<Tenant>;

    fn of(&self, head: &mut http::request::Parts) -> Result<String, Problem> {
        let tenant = head.extensions.get::<Tenant>();
        let tenant = tenant.ok_or_else(|| Problem::internal("no tenant"))?;
        Ok(tenant.0.clone())
    }
}

#[tokio::test]
async fn a_key_may_need_what_another_layer_provides() {
    let stack = compose((
        with(Tenancy),
        with_rate_limit(Quota::per_day(1_000).by_peer().unwrap()),
        with_rate_limit(RateLimit::of([Quota::per_day(1)]).unwrap().keyed(ByTenant)),
    ));
    for (tenant, passes) in [("a", true), ("b", true), ("a", false)] {
        let mut request = from_peer("192.0.2.1:1");
        request
            .headers_mut()
            .insert("x-tenant", tenant.parse().unwrap());
        let response = common::send(&stack, request).await;
        assert_eq!(refused(&response).is_none(), passes, "{tenant}");
    }
    let response = common::send(&stack, from_peer("192.0.2.1:1")).await;
    common::problem(&response, StatusCode::BAD_REQUEST);
}

#[test]
fn a_limit_after_auth_is_at_the_quota_stage() {
    const fn stage<P: Place>(_: &P) -> &'static str {
        <P::Stage as stage::Stage>::NAME
    }
    let limit = || Quota::per_day(1).by_peer().unwrap();
    assert_eq!(stage(&with_rate_limit(limit())), "Throttle");
    assert_eq!(stage(&with_rate_limit(limit().after_auth())), "Quota");
}

#[test]
fn rejects_an_impossible_limit() {
    let cases = [
        (vec![Quota::per_hour(0)], "would reject every request"),
        (
            vec![Quota::per_hour(1).burst(0)],
            "would reject every request",
        ),
        (vec![Quota::per(1, Duration::ZERO)], "would limit nothing"),
        (
            vec![Quota::per(u32::MAX, Duration::from_nanos(9))],
            "nanosecond",
        ),
        // In 1 ns each, 67% more would pass.
        (vec![Quota::per_second(600_000_000)], "in larger units"),
        (vec![Quota::per_second(55_000_000)], "in larger units"),
        (vec![Quota::per(1, Duration::MAX)], "584 years"),
        (vec![Quota::per_day(1).burst(u32::MAX)], "146 years"),
        (vec![], "without a quota"),
        (
            (0..9)
                .map(|n| Quota::per_day(1).named(n.to_string()))
                .collect(),
            "at most 8",
        ),
        (vec![Quota::per_second(1), Quota::per_day(1)], "named"),
        (
            vec![
                Quota::per_second(1).named("a"),
                Quota::per_day(1).named("a"),
            ],
            "named",
        ),
        (vec![Quota::per_second(1).named("")], "printable ASCII"),
        (
            vec![Quota::per_second(1).named("t\u{e4}glich")],
            "printable ASCII",
        ),
        (
            vec![Quota::per_second(1).named("a\r\nb")],
            "printable ASCII",
        ),
    ];
    for (quotas, reason) in cases {
        let shown = format!("{quotas:?}");
        let error = RateLimit::of(quotas).unwrap_err();
        assert_eq!(error.policy(), "Quota");
        assert!(error.to_string().contains(reason), "{shown}: {error}");
    }
    for count in [9_950_000, 10_000_000, 1_000_000_000] {
        let least_rounding = RateLimit::of([Quota::per_second(count)]);
        assert!(least_rounding.is_ok(), "{count}");
    }
    for bits in [0, 129, 255] {
        let limit = Quota::per_day(1).by_peer().unwrap();
        assert_eq!(limit.ipv6_prefix(bits).unwrap_err().policy(), "Key");
    }
    Quota::per_second(0).by(|_| ()).unwrap_err();
    Quota::per_second(0).by_peer().unwrap_err();
}

#[tokio::test]
async fn the_largest_quotas_work() {
    let cases = [
        Quota::per_second(1_000_000_000),
        Quota::per_day(u32::MAX),
        Quota::per(1, secs(140 * 365 * 86_400)),
    ];
    for quota in cases {
        let clock = ManualClock::default();
        clock.set(secs(400 * 365 * 86_400));
        let layer = with_rate_limit(quota.by_peer().unwrap().clock(clock.now()));
        assert_eq!(refused(&call(&layer).await), None);
        let response = call(&layer).await;
        assert!(response.status() == 200 || refused(&response).is_some());
    }
}

#[tokio::test]
async fn a_clock_that_jumps_blocks_no_client_for_longer_than_a_full_refill() {
    let clock = ManualClock::default();
    clock.set(secs(1_000_000));
    let layer = with_rate_limit(Quota::per_minute(6).by_peer().unwrap().clock(clock.now()));
    for _ in 0..6 {
        assert_eq!(refused(&call(&layer).await), None);
    }
    clock.set(secs(10));
    assert_eq!(refused(&call(&layer).await), Some(10));
    // Nor does it give anyone more, and time goes on from there.
    clock.advance(secs(9));
    assert_eq!(refused(&call(&layer).await), Some(1));
    clock.advance(secs(1));
    assert_eq!(refused(&call(&layer).await), None);
    // Nor does a clock that leaps ahead and is corrected give anyone more for longer.
    clock.set(secs(9_000_000));
    for _ in 0..6 {
        assert_eq!(refused(&call(&layer).await), None);
    }
    clock.set(secs(20));
    assert_eq!(refused(&call(&layer).await), Some(10));
}

#[tokio::test]
async fn clones_share_their_counts_and_layers_do_not() {
    let clock = ManualClock::default();
    let limit = Quota::per_day(1).by_peer().unwrap().clock(clock.now());
    let (one, other) = (with_rate_limit(limit.clone()), with_rate_limit(limit));
    let clone = one.clone();
    assert_eq!(refused(&call(&one).await), None);
    assert!(refused(&call(&clone).await).is_some());
    assert_eq!(refused(&call(&other).await), None);
}

#[tokio::test]
async fn keys_with_a_full_quota_are_forgotten() {
    let clock = ManualClock::default();
    let key = |head: &RequestHead<'_>| head.extensions().get::<u32>().copied();
    let limit = Quota::per_second(1).by(key).unwrap().clock(clock.now());
    let layer = with_rate_limit(limit);
    let request = |key: u32| {
        let mut request = Request::new(empty());
        request.extensions_mut().insert(key);
        request
    };
    // A thousand a second, each full again after a second.
    let mut peak = 0;
    for key in 0..100_000 {
        assert_eq!(send(&layer, request(key)).await.status(), StatusCode::OK);
        if key % 1_000 == 0 {
            clock.advance(secs(1));
            peak = peak.max(layer.middleware().keys());
        }
    }
    assert!(peak <= 64 * 64, "{peak}");
    // All at the same moment: none can be forgotten.
    let before = layer.middleware().keys();
    for key in 100_000..150_000 {
        assert_eq!(send(&layer, request(key)).await.status(), StatusCode::OK);
    }
    assert!(layer.middleware().keys() >= 50_000);
    // A minute later, a few requests are enough to clean up.
    clock.advance(secs(60));
    for key in 0..2_000 {
        assert_eq!(send(&layer, request(key)).await.status(), StatusCode::OK);
    }
    assert!(layer.middleware().keys() <= 2_000 + before);
}

#[tokio::test]
async fn a_sweep_never_forgets_a_client_that_is_limited() {
    let clock = ManualClock::default();
    let key = |head: &RequestHead<'_>| head.extensions().get::<u32>().copied();
    let limit = Quota::per_day(1).by(key).unwrap().clock(clock.now());
    let layer = with_rate_limit(limit);
    for round in 0..3 {
        for key in 0..20_000_u32 {
            let mut request = Request::new(empty());
            request.extensions_mut().insert(key);
            let passes = send(&layer, request).await.status() == StatusCode::OK;
            assert_eq!(passes, round == 0, "{round} {key}");
        }
        clock.advance(secs(3_600));
    }
}

#[test]
fn describes_what_it_can_answer() {
    const EXPOSE: &str = "access-control-expose-headers";

    let limit = RateLimit::of([
        Quota::per_second(5).burst(10).named("burst"),
        Quota::per_day(1_000).named("daily"),
    ]);
    let description = with_rate_limit(limit.unwrap().by_peer()).describe();
    assert_eq!(description.name(), "with_rate_limit");
    let answers: Vec<_> = description
        .answers()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        answers,
        [
            "429 when a quota is spent (\"burst\": 5 requests per second, at most 10 at \
             once, one every 200 ms; \"daily\": 1000 requests per day, one every 86.4 s)",
            "500 when the server does not provide the address of the peer",
        ]
    );
    assert_eq!(
        description.fields(),
        ["ratelimit", "ratelimit-policy", EXPOSE]
    );
    assert_eq!(
        description.answers()[0].fields(),
        ["retry-after", "ratelimit", "ratelimit-policy", EXPOSE]
    );
}

#[tokio::test]
async fn debug_shows_no_key() {
    let layer = with_rate_limit(Quota::per_day(1).by_peer().unwrap());
    assert_eq!(
        refused(&send(&layer, from_peer("203.0.113.77:1")).await),
        None
    );
    assert!(!format!("{layer:?}").contains("113"));
    assert!(format!("{layer:?}").contains("1-per-day"));
}

/// GCRA as a leaky bucket, in its simplest form: what was spent leaks out at the rate of the quota.
struct Bucket {
    interval: u128,
    burst: u128,
    level: u128,
    seen: u128,
}

impl Bucket {
    fn new(count: u32, period: Duration, burst: u32) -> Self {
        Self {
            interval: period.as_nanos() / u128::from(count),
            burst: burst.into(),
            level: 0,
            seen: 0,
        }
    }

    /// Advances the time; returns whether one more fits.
    const fn has_room(&mut self, now: u128) -> bool {
        self.level = self.level.saturating_sub(now - self.seen);
        self.seen = now;
        self.level + self.interval <= self.interval * self.burst
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decisions_agree_with_a_simple_simulation(
        quotas in prop::collection::vec((1..20_u32, 1..5_000_u64, 1..20_u32), 1..4),
        pauses in prop::collection::vec(0..2_000_000_000_u64, 1..120),
    ) {
        let clock = ManualClock::default();
        let made = quotas.iter().enumerate().map(|(n, (count, millis, burst))| {
            let period = Duration::from_millis(*millis);
            Quota::per(*count, period).burst(*burst).named(n.to_string())
        });
        let limit = RateLimit::of(made).unwrap().by_peer().clock(clock.now());
        let layer = with_rate_limit(limit);
        let mut buckets: Vec<_> = quotas
            .iter()
            .map(|(count, ms, burst)| Bucket::new(*count, Duration::from_millis(*ms), *burst))
            .collect();
        let mut now = 0;
        for (n, pause) in pauses.into_iter().enumerate() {
            // Many requests arrive at once.
            let pause = if n % 3 == 0 { pause } else { 0 };
            clock.advance(Duration::from_nanos(pause));
            now += u128::from(pause);
            let room = buckets.iter_mut().map(|bucket| bucket.has_room(now)).collect::<Vec<_>>();
            let passes = room.iter().all(|room| *room);
            if passes {
                for bucket in &mut buckets {
                    bucket.level += bucket.interval;
                }
            }
            let response = block_on(call(&layer));
            prop_assert_eq!(refused(&response).is_none(), passes, "request {}", n);
            let items = items(field(&response, "ratelimit").unwrap());
            for (item, bucket) in items.iter().zip(&buckets) {
                let free = bucket.interval * bucket.burst - bucket.level;
                prop_assert_eq!(u128::from(item.remaining), free / bucket.interval);
            }
        }
    }

    #[test]
    fn a_client_that_obeys_retry_after_is_never_rejected_twice(
        count in 1..50_u32, millis in 1..100_000_u64, burst in 1..50_u32,
        pauses in prop::collection::vec(0..3_000_u64, 1..40),
    ) {
        let clock = ManualClock::default();
        let fast = Quota::per(count, Duration::from_millis(millis)).burst(burst).named("fast");
        let quotas = [fast, Quota::per_minute(20).named("slow")];
        let limit = RateLimit::of(quotas).unwrap().by_peer().clock(clock.now());
        let layer = with_rate_limit(limit);
        for pause in pauses {
            clock.advance(Duration::from_millis(pause));
            let response = block_on(call(&layer));
            let reported = items(field(&response, "ratelimit").unwrap());
            let spent = reported.iter().filter(|item| item.remaining == 0);
            let window = spent.filter_map(|item| item.window).max();
            if let Some(wait) = refused(&response) {
                // The draft, section 6: not earlier than any reported window.
                prop_assert!(reported.iter().all(|item| item.window <= Some(wait)), "{:?}", reported);
                clock.advance(secs(wait));
                prop_assert_eq!(refused(&block_on(call(&layer))), None);
            } else if let Some(window) = window {
                // A success that reports nothing left: a client that waits as long as it says
                // passes.
                clock.advance(secs(window));
                prop_assert_eq!(refused(&block_on(call(&layer))), None);
            }
        }
    }

    #[test]
    fn the_reported_remaining_units_can_be_used_at_once(
        count in 1..50_u32, millis in 1..100_000_u64, burst in 1..50_u32, pause in 0..5_000_u64,
        spend in 1..60_usize,
    ) {
        let clock = ManualClock::default();
        let quota = Quota::per(count, Duration::from_millis(millis)).burst(burst);
        let layer = with_rate_limit(quota.by_peer().unwrap().clock(clock.now()));
        for _ in 0..spend {
            block_on(call(&layer));
        }
        clock.advance(Duration::from_millis(pause));
        let response = block_on(call(&layer));
        let left = items(field(&response, "ratelimit").unwrap())[0].remaining;
        for _ in 0..left {
            prop_assert_eq!(refused(&block_on(call(&layer))), None);
        }
        prop_assert!(refused(&block_on(call(&layer))).is_some());
    }
}
