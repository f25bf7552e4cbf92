//! Every response of a limit, compared with a simple simulation: leaky buckets in whole
//! nanoseconds.

use std::{collections::HashMap, time::Duration};

use http::{Request, Response};
use proptest::prelude::*;
use wythe::{
    Quota, RateLimit,
    rate_limit::{Cost, Limiter},
    with_rate_limit,
};

use crate::common::{
    Body, empty,
    limits::{ManualClock, field, items},
    send_to,
};

#[derive(Clone, Debug)]
struct Bucket {
    /// Nanoseconds of one unit.
    interval: u128,
    size: u128,
    /// Nanoseconds until it is empty, which is when the quota is full.
    level: u128,
}

#[derive(Clone, Debug)]
struct Given {
    count: u32,
    millis: u64,
    burst: u32,
}

/// What is left of each quota, and whether the request passed.
type Seen = (bool, Vec<u128>);

/// One client of the simulation.
struct Client(Vec<Bucket>);

#[derive(Clone, Debug)]
enum Event {
    Wait {
        nanoseconds: u64,
    },
    /// A request that takes this many units, and whose handler reports this actual cost.
    Request {
        takes: u32,
        costs: Option<u32>,
    },
    Charge {
        units: u32,
    },
    Block {
        millis: u64,
    },
    Reset,
}

impl Client {
    fn new(quotas: &[Given]) -> Self {
        let buckets = quotas.iter().map(|quota| {
            let period = u128::from(quota.millis) * 1_000_000;
            let interval = period / u128::from(quota.count);
            Bucket {
                interval,
                size: interval * u128::from(quota.burst),
                level: 0,
            }
        });
        Self(buckets.collect())
    }

    fn wait(&mut self, time: u64) {
        for bucket in &mut self.0 {
            bucket.level = bucket.level.saturating_sub(time.into());
        }
    }

    fn request(&mut self, takes: u32, costs: Option<u32>) -> Seen {
        let takes = u128::from(takes);
        let fits = |bucket: &Bucket| bucket.level + bucket.interval * takes <= bucket.size;
        if !self.0.iter().all(fits) {
            return (false, self.left());
        }
        let costs = costs.map_or(takes, u128::from);
        for bucket in &mut self.0 {
            bucket.level += bucket.interval * takes;
            bucket.level += bucket.interval * costs.saturating_sub(takes);
            let back = bucket.interval * takes.saturating_sub(costs);
            bucket.level = bucket.level.saturating_sub(back);
        }
        (true, self.left())
    }

    fn left(&self) -> Vec<u128> {
        let free = |bucket: &Bucket| bucket.size.saturating_sub(bucket.level) / bucket.interval;
        self.0.iter().map(free).collect()
    }
}

fn events() -> impl Strategy<Value = Vec<(u8, Event)>> {
    let event = prop_oneof![
        3 => (0..3_000_000_000_u64).prop_map(|nanoseconds| Event::Wait { nanoseconds }),
        9 => (0..6_u32, prop::option::of(0..40_u32))
            .prop_map(|(takes, costs)| Event::Request { takes, costs }),
        1 => (0..30_u32).prop_map(|units| Event::Charge { units }),
        1 => (0..5_000_u64).prop_map(|millis| Event::Block { millis }),
        1 => Just(Event::Reset),
    ];
    prop::collection::vec((0..3_u8, event), 1..100)
}

fn quotas() -> impl Strategy<Value = Vec<Given>> {
    let quota = (1..20_u32, 1..5_000_u64, 1..20_u32).prop_map(|(count, millis, burst)| Given {
        count,
        millis,
        burst,
    });
    prop::collection::vec(quota, 1..4)
}

fn request(key: u8, takes: u32) -> Request<Body> {
    let mut request = Request::new(empty());
    request.extensions_mut().insert((key, takes));
    request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_limit_decides_charges_and_forgives_as_the_simulation_does(
        quotas in quotas(),
        events in events(),
    ) {
        let clock = ManualClock::default();
        let made = quotas.iter().enumerate().map(|(n, quota)| {
            let period = Duration::from_millis(quota.millis);
            Quota::per(quota.count, period).burst(quota.burst).named(n.to_string())
        });
        let limit = RateLimit::of(made)
            .unwrap()
            .by(|head| head.extensions().get().map(|(key, _): &(u8, u32)| *key))
            .cost(|head| head.extensions().get().map_or(0, |(_, takes): &(u8, u32)| *takes))
            .settle_by_handler()
            .clock(clock.now());
        let limiter = Limiter::new(limit);
        let (layer, handle) = (with_rate_limit(limiter.clone()), limiter.handle());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut clients: HashMap<u8, Client> = HashMap::new();
        for key in 0..3 {
            clients.insert(key, Client::new(&quotas));
        }

        for (n, (key, event)) in events.into_iter().enumerate() {
            match event {
                Event::Wait { nanoseconds } => {
                    clock.advance(Duration::from_nanos(nanoseconds));
                    clients.values_mut().for_each(|client| client.wait(nanoseconds));
                }
                Event::Request { takes, costs } => {
                    let answer = move |_| async move {
                        let mut response = Response::new(Body::default());
                        costs.map(|costs| response.extensions_mut().insert(Cost(costs)));
                        Ok(response)
                    };
                    let sent = send_to(&layer, request(key, takes), answer);
                    let response = runtime.block_on(sent);
                    let (passes, left) = clients.get_mut(&key).unwrap().request(takes, costs);
                    prop_assert_eq!(response.status() == 200, passes, "event {}", n);
                    // A request that always costs too much is rejected without a look at the
                    // counts.
                    if let Some(reported) = field(&response, "ratelimit") {
                        let reported = items(reported).into_iter().map(|item| u128::from(item.remaining));
                        prop_assert_eq!(reported.collect::<Vec<_>>(), left, "event {}", n);
                    }
                }
                Event::Charge { units } => {
                    runtime.block_on(handle.charge(&Some(key), units)).unwrap();
                    for bucket in &mut clients.get_mut(&key).unwrap().0 {
                        bucket.level += bucket.interval * u128::from(units);
                    }
                }
                Event::Block { millis } => {
                    let duration = Duration::from_millis(millis);
                    runtime.block_on(handle.block(&Some(key), duration)).unwrap();
                    for bucket in &mut clients.get_mut(&key).unwrap().0 {
                        let until = bucket.size - bucket.interval + u128::from(millis) * 1_000_000;
                        bucket.level = bucket.level.max(until);
                    }
                }
                Event::Reset => {
                    runtime.block_on(handle.reset(&Some(key))).unwrap();
                    clients.insert(key, Client::new(&quotas));
                }
            }
            let seen = runtime.block_on(handle.remaining(&Some(key))).unwrap();
            let seen: Vec<_> = seen.iter().map(|quota| u128::from(quota.units())).collect();
            prop_assert_eq!(seen, clients[&key].left(), "event {}", n);
        }
    }
}
