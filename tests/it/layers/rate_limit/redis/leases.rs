//! Units leased in advance: fewer round trips, and the bound on how far they overshoot.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Request, Response};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use tokio::{runtime::Builder, sync::Semaphore, time::timeout};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    Quota, With,
    key::{AddressPart, ByPeer},
    rate_limit::{
        Limiter,
        redis::{OnFailure, RedisStore},
    },
    with_rate_limit,
};

use crate::{
    common::{
        Body,
        limits::{ManualClock, call, field, from_peer, refused, send},
        redis::{Server, SlowProxy},
    },
    contract::disconnects::survives_disconnects,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The key of the client that sends all requests.
fn peer_key() -> AddressPart {
    std::net::IpAddr::from([203, 0, 113, 9]).into()
}

/// One of the instances that share a limit: each process has its own store.
struct Instance {
    store: RedisStore,
    limiter: Limiter<ByPeer>,
    layer: With<Limiter<ByPeer>>,
}

impl Instance {
    fn new(
        server: &Server,
        name: &str,
        quota: Quota,
        lease: (u32, Duration),
        clock: &ManualClock,
    ) -> Self {
        Self::at(&server.url(), name, quota, lease, clock)
    }

    fn at(
        url: &str,
        name: &str,
        quota: Quota,
        lease: (u32, Duration),
        clock: &ManualClock,
    ) -> Self {
        let store = RedisStore::open(url, OnFailure::Deny).unwrap();
        let store = store.timeout(secs(10)).unwrap();
        let limit = quota.by_peer().unwrap().clock(clock.now()).cost(|head| {
            let cost = head.headers().get("x-cost");
            cost.map_or(1, |cost| cost.to_str().unwrap().parse().unwrap())
        });
        let shared = store.limit(name).lease(lease.0, lease.1);
        let limiter = Limiter::new(limit.in_redis(shared).unwrap());
        Self {
            layer: with_rate_limit(limiter.clone()),
            limiter,
            store,
        }
    }

    async fn passes(&self, cost: u32) -> bool {
        let mut request = from_peer("203.0.113.9:1");
        request.headers_mut().insert("x-cost", cost.into());
        send(&self.layer, request).await.status() == 200
    }

    /// Counts requests until one is rejected.
    async fn passes_in_a_row(&self) -> u32 {
        let mut passed = 0;
        while self.passes(1).await {
            passed += 1;
        }
        passed
    }

    fn round_trips(&self) -> u64 {
        self.store.metrics().round_trips
    }
}

#[tokio::test]
async fn a_batch_of_requests_is_one_round_trip() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = ManualClock::default();
    let quota = Quota::per_day(1_000);
    let instance = Instance::new(&server, "trips", quota, (50, secs(60)), &clock);
    for n in 1..=1_000_u64 {
        let response = call(&instance.layer).await;
        let left = 1_000 - n;
        let reported = field(&response, "ratelimit").unwrap();
        assert!(
            reported.starts_with(&format!(r#""1000-per-day";r={left};"#)),
            "{n}: {reported}"
        );
    }
    // One of them sends the script.
    assert_eq!(instance.round_trips(), 1_000 / 50 + 1);
    assert_eq!(instance.store.metrics().leased, 1_000 - 20);
    // One asks whether there is really nothing left; the others know.
    for _ in 0..100 {
        assert_eq!(refused(&call(&instance.layer).await), Some(87));
    }
    assert_eq!(instance.round_trips(), 1_000 / 50 + 2);
}

#[tokio::test]
async fn a_request_that_costs_more_than_a_batch_asks_the_server() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = ManualClock::default();
    let instance = Instance::new(&server, "dear", Quota::per_day(100), (10, secs(60)), &clock);
    assert!(instance.passes(11).await && instance.passes(11).await);
    assert_eq!(instance.round_trips(), 3);
    // It returns its remaining units before it takes more.
    assert!(instance.passes(7).await && instance.passes(7).await && instance.passes(3).await);
    assert_eq!(instance.round_trips(), 5);
    assert_eq!(instance.passes_in_a_row().await, 100 - 22 - 17);
}

#[tokio::test]
async fn the_overshoot_reaches_the_bound_and_does_not_exceed_it() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = ManualClock::default();
    let quota = || Quota::per_minute(60).burst(20);
    let instance = || Instance::new(&server, "bound", quota(), (5, secs(600)), &clock);
    let instances = [instance(), instance(), instance()];
    // Each takes a batch, and spends one unit of it.
    for instance in &instances {
        assert!(instance.passes(1).await);
    }
    // The quota is full again, and each holds four.
    clock.advance(secs(60));
    let mut passed = 0;
    for instance in &instances {
        passed += instance.passes_in_a_row().await;
    }
    assert_eq!(passed, 20 + 3 * (5 - 1));
}

#[tokio::test]
async fn unused_units_are_returned() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = ManualClock::default();
    let instance = Instance::new(&server, "back", Quota::per_day(100), (10, secs(1)), &clock);
    // A slow client pays for what it uses and no more, because each lease has expired.
    for _ in 0..20 {
        assert!(instance.passes(1).await);
        clock.advance(secs(2));
    }
    assert_eq!(instance.passes_in_a_row().await, 80);
}

#[tokio::test]
async fn refunded_units_are_spent_again_without_a_round_trip() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = ManualClock::default();
    let store = RedisStore::open(&server.url(), OnFailure::Deny)
        .unwrap()
        .timeout(secs(10))
        .unwrap();
    let limit = Quota::per_day(10)
        .by_peer()
        .unwrap()
        .clock(clock.now())
        .count_failures();
    let shared = store.limit("failures").lease(5, secs(60));
    let layer = with_rate_limit(limit.in_redis(shared).unwrap());
    // The handler answers 200, which costs nothing.
    for _ in 0..100 {
        assert_eq!(refused(&call(&layer).await), None);
        tokio::task::yield_now().await;
    }
    assert!(store.metrics().round_trips <= 3, "{:?}", store.metrics());
}

#[tokio::test]
async fn units_that_are_given_back_end_a_refusal() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = ManualClock::default();
    let quota = Quota::per_day(5);
    let instance = Instance::new(&server, "lift", quota, (2, secs(60)), &clock);
    assert_eq!(instance.passes_in_a_row().await, 5);
    let key = peer_key();
    let handle = instance.limiter.handle();
    handle.give_back(&key, 2).await.unwrap();
    assert_eq!(instance.passes_in_a_row().await, 2);
}

/// Five logins with the right password at once, and a sixth that has to wait for them.
#[tokio::test]
async fn requests_that_cost_nothing_end_the_refusal_of_another() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = ManualClock::default();
    let store = RedisStore::open(&server.url(), OnFailure::Deny)
        .unwrap()
        .timeout(secs(10))
        .unwrap();
    let limit = Quota::per_day(5).by_peer().unwrap().clock(clock.now());
    let shared = store.limit("logins").lease(2, secs(60));
    let limiter = Limiter::new(limit.count_failures().in_redis(shared).unwrap());
    let layer = with_rate_limit(limiter.clone());
    let begun = Arc::new(Semaphore::new(0));
    let verified = Arc::new(Semaphore::new(0));
    let (begins, ends) = (Arc::clone(&begun), Arc::clone(&verified));
    let service = layer.layer(service_fn(move |_: Request<Body>| {
        begins.add_permits(1);
        let ends = Arc::clone(&ends);
        async move {
            ends.acquire().await.unwrap().forget();
            Ok::<_, Infallible>(Response::new(Body::default()))
        }
    }));
    let logins: Vec<_> = (0..5)
        .map(|_| tokio::spawn(service.clone().oneshot(from_peer("203.0.113.9:1"))))
        .collect();
    begun.acquire_many(5).await.unwrap().forget();
    assert_eq!(refused(&call(&layer).await), Some(1));
    verified.add_permits(5);
    for login in logins {
        assert_eq!(login.await.unwrap().unwrap().status(), 200);
    }
    // The units are given back in tasks.
    let handle = limiter.handle();
    let left = async || handle.remaining(&peer_key()).await.unwrap()[0].units();
    timeout(secs(10), async {
        while left().await < 5 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(refused(&call(&layer).await), None);
}

#[tokio::test]
async fn units_that_are_given_back_during_a_query_are_not_lost() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = SlowProxy::before(&server).await;
    let clock = ManualClock::default();
    let quota = Quota::per_day(100);
    let lease = (5, secs(600));
    let instance = Instance::at(&proxy.url(), "query", quota, lease, &clock);
    assert!(instance.passes(1).await);
    proxy.delay(Duration::from_millis(100));
    let handle = instance.limiter.handle();
    let key = peer_key();
    // It returns the four units that are held, and takes five.
    let (passes, given_back) = tokio::join!(instance.passes(5), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        handle.give_back(&key, 1).await
    });
    given_back.unwrap();
    assert!(passes);
    assert_eq!(handle.remaining(&key).await.unwrap()[0].units(), 95);
}

#[tokio::test]
async fn a_request_that_costs_nothing_takes_no_batch() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = ManualClock::default();
    let quota = Quota::per_day(20);
    let instance = Instance::new(&server, "free", quota, (10, secs(600)), &clock);
    assert!(instance.passes(0).await);
    let handle = instance.limiter.handle();
    let left = handle.remaining(&peer_key()).await.unwrap()[0].units();
    assert_eq!(left, 20);
    // It passes if nothing is left, but not while the client is in debt.
    assert_eq!(instance.passes_in_a_row().await, 20);
    assert!(instance.passes(0).await);
    handle.charge(&peer_key(), 1).await.unwrap();
    assert!(!instance.passes(0).await);
}

/// A client that disconnects while the server is asked for a batch has spent what its request costs,
/// not the batch.
#[tokio::test]
async fn a_batch_whose_request_was_dropped_is_not_lost() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = SlowProxy::before(&server).await;
    let clock = ManualClock::default();
    let store = RedisStore::open(&proxy.url(), OnFailure::Deny).unwrap();
    let limit = Quota::per_day(10_000).by_peer().unwrap();
    let shared = store
        .timeout(secs(10))
        .unwrap()
        .limit("gone")
        .lease(100, secs(60));
    let limiter = Limiter::new(limit.clock(clock.now()).in_redis(shared).unwrap());
    let layer = with_rate_limit(limiter.clone());
    // The connection is made.
    assert_eq!(refused(&call(&layer).await), None);
    proxy.delay(Duration::from_millis(30));
    for _ in 0..100 {
        let abandoned = timeout(Duration::from_millis(5), call(&layer)).await;
        drop(abandoned);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let key = peer_key();
    let left = limiter.handle().remaining(&key).await.unwrap()[0].units();
    // The first request, a hundred more, and at most a batch that is held.
    assert!((10_000 - 200..10_000).contains(&left), "{left}");
    // All of it can be spent by this instance.
    let mut passed = 0;
    proxy.delay(Duration::ZERO);
    while refused(&call(&layer).await).is_none() {
        passed += 1;
    }
    assert!(passed >= 10_000 - 101, "{passed}");
}

#[tokio::test]
async fn requests_whose_clients_disconnect_cost_what_they_asked_for() {
    let Some(server) = Server::start() else {
        return;
    };
    let number = std::cell::Cell::new(0);
    for (lease, most_held) in [(None, 0), (Some(100), 99)] {
        let make = || {
            number.set(number.get() + 1);
            let store = RedisStore::open(&server.url(), OnFailure::Deny).unwrap();
            let shared = store
                .timeout(secs(10))
                .unwrap()
                .limit(number.get().to_string());
            let shared = match lease {
                Some(batch) => shared.lease(batch, secs(600)),
                None => shared,
            };
            let limit = Quota::per_day(1_000).by_peer().unwrap();
            let limiter = Limiter::new(limit.in_redis(shared).unwrap());
            let check = {
                let limiter = limiter.clone();
                async move |requests| {
                    let key = peer_key();
                    let left = limiter.handle().remaining(&key).await.unwrap()[0].units();
                    let spent = 1_000 - left;
                    assert!(spent <= requests + most_held, "{spent} of {requests}");
                }
            };
            (with_rate_limit(limiter), check)
        };
        survives_disconnects(make, || from_peer("203.0.113.9:50123")).await;
    }
}

#[tokio::test]
async fn resetting_a_key_clears_what_this_instance_remembers() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = ManualClock::default();
    let instance = Instance::new(&server, "pardon", Quota::per_day(8), (4, secs(600)), &clock);
    assert_eq!(instance.passes_in_a_row().await, 8);
    let key = peer_key();
    instance.limiter.handle().reset(&key).await.unwrap();
    assert!(instance.passes(1).await);
    instance
        .limiter
        .handle()
        .block(&key, secs(60))
        .await
        .unwrap();
    assert!(!instance.passes(1).await);
}

#[tokio::test]
async fn a_block_whose_caller_was_dropped_reaches_the_lease() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = SlowProxy::before(&server).await;
    let store = RedisStore::open(&proxy.url(), OnFailure::Deny).unwrap();
    let limit = Quota::per_day(100).by_peer().unwrap();
    let shared = store
        .timeout(secs(10))
        .unwrap()
        .limit("block")
        .lease(50, secs(600));
    let limiter = Limiter::new(limit.in_redis(shared).unwrap());
    let layer = with_rate_limit(limiter.clone());
    assert_eq!(refused(&call(&layer).await), None);
    proxy.delay(Duration::from_millis(30));
    let key = peer_key();
    let handle = limiter.handle();
    let block = handle.block(&key, secs(600));
    timeout(Duration::from_millis(10), block).await.unwrap_err();
    assert!(refused(&call(&layer).await).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_spend_every_unit_once() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = ManualClock::default();
    let instance = || {
        Instance::new(
            &server,
            "once",
            Quota::per_day(2_000),
            (20, secs(600)),
            &clock,
        )
    };
    let instances = [instance(), instance()];
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let layer = instances[n % 2].layer.clone();
            tokio::spawn(async move {
                let mut passed = 0;
                for _ in 0..50 {
                    passed += u32::from(refused(&call(&layer).await).is_none());
                }
                passed
            })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        passed += task.await.unwrap();
    }
    assert_eq!(passed, 2_000);
    let trips: u64 = instances.iter().map(Instance::round_trips).sum();
    assert!(trips < 3_200 / 2, "{trips} round trips for 3,200 requests");
}

/// One client, whose requests reach any of the instances.
#[derive(Clone, Debug)]
enum Event {
    Wait(u64),
    Request { instance: usize, cost: u32 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let request = (0_usize..3, 1_u32..5);
    let event = prop_oneof![
        1 => (1_u64..40_000).prop_map(Event::Wait),
        6 => request.prop_map(|(instance, cost)| Event::Request { instance, cost }),
    ];
    vec(event, 1..150)
}

#[test]
fn no_more_than_the_bound_passes_in_any_interval() {
    let Some(server) = Server::start() else {
        return;
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(200));
    let number = std::cell::Cell::new(0);
    let over = std::cell::Cell::new(0);
    let given = (2_u32..8, 0_u32..10, 1_u64..5_000, events());
    let result = runner.run(&given, |(batch, more, ttl, events)| {
        number.set(number.get() + 1);
        let (burst, interval) = (batch + more, 1_000);
        let name = format!("any-{}", number.get());
        let clock = ManualClock::default();
        let quota = || Quota::per(1, Duration::from_millis(interval)).burst(burst);
        let lease = (batch, Duration::from_millis(ttl));
        let instances = [(); 3].map(|()| Instance::new(&server, &name, quota(), lease, &clock));
        let (mut now, mut passed) = (0, Vec::new());
        for event in events {
            match event {
                Event::Wait(millis) => {
                    now += millis;
                    clock.advance(Duration::from_millis(millis));
                }
                Event::Request { instance, cost } => {
                    if runtime.block_on(instances[instance].passes(cost)) {
                        passed.push((now, cost));
                    }
                }
            }
        }
        // From each request to each later one.
        for (n, (from, _)) in passed.iter().enumerate() {
            let mut sum = 0;
            for (to, cost) in &passed[n..] {
                sum += u64::from(*cost);
                let without = u64::from(burst) + (to - from) / interval;
                let bound = without + 3 * u64::from(batch - 1);
                prop_assert!(sum <= bound, "{sum} in {} ms", to - from);
                over.set(over.get() + u32::from(sum > without));
            }
        }
        Ok(())
    });
    result.unwrap();
    // The test can fail: without the term for leases the bound does not hold.
    assert!(over.get() > 0);
}
