//! What a request costs: known in advance, settled afterwards, or not counted at all.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    Quota, RateLimit, With,
    key::ByPeer,
    rate_limit::{Cost, Limiter},
    with_rate_limit,
};

use crate::common::{
    self, Body,
    limits::{ManualClock, call, field, from_peer, items, refused, send},
    send_to,
};

const COST: HeaderName = HeaderName::from_static("x-cost");

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A request that states its cost.
fn costing(units: u32) -> Request<Body> {
    let mut request = from_peer("203.0.113.9:50123");
    request.headers_mut().insert(COST, units.into());
    request
}

fn per_minute(count: u32, clock: &ManualClock) -> RateLimit<ByPeer> {
    let limit = Quota::per_minute(count).by_peer().unwrap();
    limit.clock(clock.now()).cost(|head| {
        let cost = head.headers().get(COST).map(|cost| cost.to_str().unwrap());
        cost.map_or(1, |cost| cost.parse().unwrap())
    })
}

/// The remaining units, according to the field.
#[track_caller]
fn left(response: &Response<Bytes>) -> u64 {
    items(field(response, "ratelimit").unwrap())[0].remaining
}

/// Sends a request that gets a response with this status.
async fn answered(layer: &With<Limiter<ByPeer>>, status: u16) -> Response<Bytes> {
    let answer = move |_| async move {
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok(response)
    };
    send_to(layer, from_peer("203.0.113.9:50123"), answer).await
}

#[tokio::test]
async fn a_request_takes_its_cost() {
    let clock = ManualClock::default();
    let layer = with_rate_limit(per_minute(60, &clock));
    assert_eq!(left(&send(&layer, costing(50)).await), 10);
    // It waits until its whole cost is available.
    assert_eq!(refused(&send(&layer, costing(40)).await), Some(30));
    assert_eq!(refused(&send(&layer, costing(60)).await), Some(50));
    assert_eq!(left(&send(&layer, costing(10)).await), 0);
    clock.advance(secs(29));
    assert_eq!(refused(&send(&layer, costing(30)).await), Some(1));
    clock.advance(secs(1));
    assert_eq!(left(&send(&layer, costing(30)).await), 0);
}

#[tokio::test]
async fn a_request_of_cost_zero_passes_a_spent_quota() {
    let clock = ManualClock::default();
    let layer = with_rate_limit(per_minute(1, &clock));
    assert_eq!(left(&send(&layer, costing(1)).await), 0);
    assert_eq!(left(&send(&layer, costing(0)).await), 0);
    assert!(refused(&send(&layer, costing(1)).await).is_some());
}

#[tokio::test]
async fn a_request_that_costs_more_than_the_quota_gets_no_retry_after() {
    let clock = ManualClock::default();
    let quotas = [
        Quota::per_minute(10).named("small"),
        Quota::per_day(1_000).named("large"),
    ];
    let limit = RateLimit::of(quotas).unwrap().by_peer().clock(clock.now());
    let layer = with_rate_limit(limit.cost(|_| 11));
    let response = call(&layer).await;
    let json = common::problem(&response, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(json["violated-policies"], serde_json::json!(["small"]));
    assert!(!response.headers().contains_key("retry-after"));
}

/// A limit in shadow mode reports what it would reject otherwise, even for a cost whose wait in
/// nanoseconds exceeds 64 bits.
#[tokio::test]
async fn shadow_mode_reports_a_cost_above_the_burst_however_large_it_is() {
    let cases = [
        (Quota::per_day(1), 300_000),
        // 213,505 days in nanoseconds are a little more than 2^64.
        (Quota::per_day(1).burst(1_000), 213_505),
        (Quota::per_day(1), u32::MAX),
        (Quota::per(1, secs(4_000_000_000)), u32::MAX),
        (Quota::per_second(1).burst(u32::MAX - 1), u32::MAX),
    ];
    for (quota, units) in cases {
        let clock = ManualClock::default();
        let limit = || quota.clone().by_peer().unwrap().clock(clock.now());
        let enforced = with_rate_limit(limit().cost(move |_| units));
        assert_eq!(call(&enforced).await.status(), 429, "{quota:?} {units}");

        let limiter = Limiter::new(limit().cost(move |_| units).shadow());
        assert_eq!(call(&with_rate_limit(limiter.clone())).await.status(), 200);
        let counts = limiter.handle().counts();
        assert_eq!(counts.would_refuse, 1, "{quota:?} {units}");
    }
}

#[tokio::test]
async fn counts_only_failures_if_configured() {
    let clock = ManualClock::default();
    let layer = with_rate_limit(per_minute(2, &clock).count_failures());
    for status in [200, 204, 303, 304, 500, 503, 200, 200] {
        let response = answered(&layer, status).await;
        assert_eq!((response.status().as_u16(), left(&response)), (status, 2));
    }
    assert_eq!(left(&answered(&layer, 401).await), 1);
    assert_eq!(left(&answered(&layer, 200).await), 1);
    assert_eq!(left(&answered(&layer, 422).await), 0);
    // Even the correct password is rejected now.
    assert_eq!(refused(&answered(&layer, 200).await), Some(30));
    clock.advance(secs(30));
    assert_eq!(left(&answered(&layer, 200).await), 1);
}

#[tokio::test]
async fn counts_only_successes_if_configured() {
    let clock = ManualClock::default();
    let layer = with_rate_limit(per_minute(2, &clock).count_successes());
    for status in [400, 404, 429, 500] {
        assert_eq!(left(&answered(&layer, status).await), 2, "{status}");
    }
    assert_eq!(left(&answered(&layer, 201).await), 1);
    assert_eq!(left(&answered(&layer, 302).await), 0);
    assert_eq!(refused(&answered(&layer, 404).await), Some(30));
}

#[tokio::test]
async fn concurrent_guesses_do_not_exceed_the_limit() {
    let clock = ManualClock::default();
    let layer = with_rate_limit(per_minute(5, &clock).count_failures());
    let gates = Arc::new((Semaphore::new(0), Semaphore::new(0)));
    let shared = Arc::clone(&gates);
    let service = layer.layer(service_fn(move |_: Request<Body>| {
        let gates = Arc::clone(&shared);
        async move {
            let (reached, release) = &*gates;
            reached.add_permits(1);
            release.acquire().await.unwrap().forget();
            let mut response = Response::new(Body::default());
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            Ok::<_, Infallible>(response)
        }
    }));
    let (reached, release) = &*gates;
    let guesses: Vec<_> = (0..100)
        .map(|_| tokio::spawn(service.clone().oneshot(from_peer("203.0.113.9:1"))))
        .collect();
    reached.acquire_many(5).await.unwrap().forget();
    release.add_permits(100);
    let mut statuses = Vec::new();
    for guess in guesses {
        statuses.push(guess.await.unwrap().unwrap().status().as_u16());
    }
    let count = |status| statuses.iter().filter(|other| **other == status).count();
    assert_eq!((count(401), count(429)), (5, 95));
}

#[tokio::test]
async fn what_is_only_held_is_not_promised_for_later() {
    let clock = ManualClock::default();
    let layer = with_rate_limit(per_minute(3, &clock).count_failures());
    let release = Arc::new(Semaphore::new(0));
    let shared = Arc::clone(&release);
    let service = layer.layer(service_fn(move |_: Request<Body>| {
        let release = Arc::clone(&shared);
        async move {
            release.acquire().await.unwrap().forget();
            Ok::<_, Infallible>(Response::new(Body::default()))
        }
    }));
    // One is certainly spent, two are held.
    assert_eq!(left(&answered(&layer, 401).await), 2);
    let mut held: Vec<_> = (0..2)
        .map(|_| Box::pin(service.clone().oneshot(from_peer("203.0.113.9:50123"))))
        .collect();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    for held in &mut held {
        assert!(held.as_mut().poll(&mut cx).is_pending());
    }
    let response = answered(&layer, 200).await;
    assert_eq!(refused(&response), Some(1));
    assert_eq!(field(&response, "ratelimit"), Some(r#""3-per-minute";r=0"#));
    // Of another key nothing is held.
    let other = send(&layer, from_peer("203.0.113.8:1")).await;
    assert_eq!(field(&other, "ratelimit"), Some(r#""3-per-minute";r=3"#));
    release.add_permits(2);
    for held in held {
        held.await.unwrap();
    }
    assert_eq!(answered(&layer, 200).await.status(), 200);
}

#[tokio::test]
async fn what_is_spent_is_promised_beside_what_is_held() {
    let clock = ManualClock::default();
    let layer = with_rate_limit(per_minute(3, &clock).count_failures());
    let service = layer.layer(service_fn(|_: Request<Body>| {
        std::future::pending::<Result<Response<Body>, Infallible>>()
    }));
    let waiting = service.oneshot(from_peer("203.0.113.9:1"));
    let mut waiting = std::pin::pin!(waiting);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    for _ in 0..2 {
        answered(&layer, 401).await;
    }
    let limiter = layer.middleware();
    let key = wythe::key::AddressPart::from(std::net::IpAddr::from([203, 0, 113, 9]));
    limiter.handle().charge(&key, 2).await.unwrap();
    // Without what is held, there is a unit in 20 seconds, and not in 60.
    let response = answered(&layer, 200).await;
    assert_eq!(refused(&response), Some(40));
    assert_eq!(field(&response, "ratelimit"), Some(r#""3-per-minute";r=0"#));
}

#[tokio::test]
async fn a_panic_counts_as_a_500() {
    /// Where the handler panics.
    #[derive(Clone, Copy, Debug)]
    enum At {
        Call,
        Poll,
    }
    let clock = ManualClock::default();
    let limit = || per_minute(3, &clock);
    let panicking = limit().settle(|answered, _| {
        assert_eq!(answered.status(), 200, "a panic in the closure");
        0
    });
    let cases = [
        ("failures", limit().count_failures(), 3),
        ("successes", limit().count_successes(), 3),
        ("all", limit(), 2),
        ("by the handler", limit().settle_by_handler(), 2),
        (
            "by the status",
            limit().settle(|answered, _| u32::from(answered.status().as_u16() == 500) * 2),
            1,
        ),
        ("a closure that panics", panicking, 2),
    ];
    for (name, limit, expected) in cases {
        for at in [At::Call, At::Poll] {
            let limiter = Limiter::new(limit.clone());
            let handler = service_fn(move |_: Request<Body>| {
                assert!(matches!(at, At::Poll), "in the call");
                async {
                    assert!(std::hint::black_box(false), "in the future");
                    Ok::<_, Infallible>(Response::new(Body::default()))
                }
            });
            let service = with_rate_limit(limiter.clone()).layer(handler);
            let call = tokio::spawn(async move {
                let request = from_peer("203.0.113.9:1");
                service.oneshot(request).await.map(drop)
            });
            assert!(call.await.unwrap_err().is_panic(), "{name} {at:?}");
            let key = wythe::key::AddressPart::from(std::net::IpAddr::from([203, 0, 113, 9]));
            let left = limiter.handle().remaining(&key).await.unwrap();
            assert_eq!(left[0].units(), expected, "{name} {at:?}");
        }
    }
}

#[tokio::test]
async fn a_request_that_costs_more_than_there_ever_is_learns_the_largest_cost() {
    let clock = ManualClock::default();
    let quotas = [
        Quota::per_minute(10).named("minute"),
        Quota::per_hour(20).burst(5).named("hour"),
        Quota::per_day(100).named("day"),
    ];
    let limit = RateLimit::of(quotas).unwrap().by_peer().clock(clock.now());
    let limit = limit.cost(|head| {
        head.headers()
            .get(COST)
            .map_or(1, |cost| cost.to_str().unwrap().parse().unwrap())
    });
    let limiter = Limiter::new(limit);
    let layer = with_rate_limit(limiter.clone());
    assert_eq!(send(&layer, costing(1)).await.status(), 200);
    for (cost, names) in [(6, vec!["hour"]), (11, vec!["minute", "hour"])] {
        let response = send(&layer, costing(cost)).await;
        let problem = common::problem(&response, StatusCode::TOO_MANY_REQUESTS);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("costs {cost}")), "{detail}");
        assert!(detail.contains("5 at most"), "{detail}");
        assert_eq!(problem["violated-policies"], serde_json::json!(names));
        let left = r#""minute";r=9;t=6, "hour";r=4;t=180, "day";r=99;t=864"#;
        assert_eq!(field(&response, "ratelimit"), Some(left));
        assert!(field(&response, "ratelimit-policy").is_some());
        assert_eq!(field(&response, "retry-after"), None);
    }
    assert_eq!(limiter.handle().counts().refused, 2);
    let key = wythe::key::AddressPart::from(std::net::IpAddr::from([203, 0, 113, 9]));
    let refused = limiter.handle().take(&key, 6).await.unwrap_err();
    assert!(refused.explanation().unwrap().contains("5 at most"));
    assert!(!refused.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_request_whose_client_disconnects_stays_counted() {
    let clock = ManualClock::default();
    let layer = with_rate_limit(per_minute(2, &clock).count_failures());
    let service = layer.layer(service_fn(|_: Request<Body>| {
        std::future::pending::<Result<Response<Body>, Infallible>>()
    }));
    let waiting = service.oneshot(from_peer("203.0.113.9:1"));
    let gone = tokio::time::timeout(Duration::from_millis(1), waiting).await;
    gone.unwrap_err();
    assert_eq!(left(&answered(&layer, 200).await), 1);
}

#[tokio::test]
async fn the_handler_reports_the_cost() {
    let clock = ManualClock::default();
    let layer = with_rate_limit(per_minute(60, &clock).settle_by_handler());
    let send = |cost: Option<u32>| {
        let answer = move |_| async move {
            let mut response = Response::new(Body::default());
            if let Some(cost) = cost {
                response.extensions_mut().insert(Cost(cost));
            }
            Ok(response)
        };
        send_to(&layer, from_peer("203.0.113.9:1"), answer)
    };
    assert_eq!(left(&send(Some(10)).await), 50);
    assert_eq!(left(&send(None).await), 49);
    assert_eq!(left(&send(Some(0)).await), 49);
    // More than is left: the debt is paid back over time.
    assert_eq!(left(&send(Some(109)).await), 0);
    assert_eq!(refused(&send(None).await), Some(61));
    clock.advance(secs(60));
    assert_eq!(refused(&send(Some(0)).await), Some(1));
    clock.advance(secs(1));
    assert_eq!(left(&send(Some(1)).await), 0);
}

#[tokio::test]
async fn a_response_is_charged_by_its_bytes() {
    let clock = ManualClock::default();
    let limit = per_minute(100, &clock).settle(|answered, taken| {
        let bytes = answered.body_bytes();
        bytes.map_or(taken, |bytes| bytes.div_ceil(10).try_into().unwrap())
    });
    let layer = with_rate_limit(limit);
    let send = |body: &'static str| {
        let answer = move |_| async move { Ok(Response::new(Full::from(body))) };
        send_to(&layer, from_peer("203.0.113.9:1"), answer)
    };
    assert_eq!(left(&send("").await), 100);
    assert_eq!(left(&send("0123456789").await), 99);
    assert_eq!(left(&send("01234567890").await), 97);
}

#[tokio::test]
async fn settling_sees_the_response_and_debug_shows_only_its_status() {
    let limit = Quota::per_day(10)
        .by_peer()
        .unwrap()
        .settle(|answered, taken| {
            assert_eq!(answered.headers()["x-secret"], "hunter2");
            assert_eq!(answered.extensions().get(), Some(&7_u8));
            assert_eq!(answered.status(), StatusCode::ACCEPTED);
            assert!(!format!("{answered:?}").contains("hunter2"));
            taken + 1
        });
    let answer = |_| async {
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::ACCEPTED;
        let secret = http::HeaderValue::from_static("hunter2");
        response.headers_mut().insert("x-secret", secret);
        response.extensions_mut().insert(7_u8);
        Ok(response)
    };
    let layer = with_rate_limit(limit);
    let response = send_to(&layer, from_peer("203.0.113.9:1"), answer).await;
    assert_eq!(left(&response), 8);
}

/// A body of unknown length: frames, and then optionally an error.
struct Frames(VecDeque<Result<&'static str, &'static str>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, &'static str>>> {
        let next = self.0.pop_front();
        let frame = |text| http_body::Frame::data(Bytes::from_static(str::as_bytes(text)));
        std::task::Poll::Ready(next.map(|next| next.map(frame)))
    }
}

#[tokio::test]
async fn a_stream_is_charged_for_the_bytes_sent() {
    use http_body_util::BodyExt;

    let clock = ManualClock::default();
    let quota = Quota::per_minute(100).in_handler::<u64>().unwrap();
    let handle = quota.clock(clock.now()).handle();
    let four = std::num::NonZeroU64::new(4).unwrap();
    let left = async || handle.remaining(&7).await.unwrap()[0].units();
    let metered = |frames: &[Result<&'static str, &'static str>]| {
        Box::pin(handle.metered(&7, four, Frames(frames.iter().copied().collect())))
    };

    // Read to its end: nine bytes, in units of four.
    let body = metered(&[Ok("12345"), Ok(""), Ok("6789")]);
    assert_eq!(left().await, 100, "not before");
    assert_eq!(body.collect().await.unwrap().to_bytes(), "123456789");
    assert_eq!(left().await, 97);
    // Until it fails.
    metered(&[Ok("1234"), Err("gone"), Ok("1234")])
        .collect()
        .await
        .unwrap_err();
    assert_eq!(left().await, 96);
    // Until the client goes away.
    let mut body = metered(&[Ok("12345678"), Ok("1234")]);
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(left().await, 94);
    // Nothing is sent.
    drop(metered(&[Ok("12345678")]));
    metered(&[]).collect().await.unwrap();
    assert_eq!(left().await, 94);
    // More than is left: a debt.
    let much = vec![Ok("12345678"); 50];
    metered(&much).collect().await.unwrap();
    assert_eq!(left().await, 0);
    let refusal = handle.take(&7, 1).await.unwrap_err();
    assert_eq!(refusal.headers()["retry-after"], "5");
}
