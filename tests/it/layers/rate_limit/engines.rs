//! One table of cases for both engines: memory and Redis give the same results.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request, Response};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use tokio::runtime::{Builder, Runtime};
use wythe::{
    Quota, RateLimit, With,
    key::ByPeer,
    rate_limit::{
        Limiter,
        redis::{OnFailure, RedisStore},
    },
    with_rate_limit,
};

use crate::common::{
    Body,
    limits::{ManualClock, from_peer, send},
    redis::Server,
};

const COST: HeaderName = HeaderName::from_static("x-cost");

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Advance(Duration),
    Request(u32),
    Charge(u32),
    GiveBack(u32),
    Block(Duration),
    Reset,
    Left,
}
use Step::{Advance, Block, Charge, GiveBack, Left, Request as Send, Reset};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A day in 2026, since 1970: in nanoseconds more than 2^53, up to which Lua's numbers are exact.
const START: Duration = Duration::new(1_790_000_000, 123_456_789);

/// A limit in memory and the same limit in Redis, with the same clock.
struct LimitPair {
    clock: ManualClock,
    memory: Limiter<ByPeer>,
    redis: Limiter<ByPeer>,
    names: u32,
}

impl LimitPair {
    fn new(quotas: &[Quota], store: &RedisStore, name: &str) -> Self {
        let clock = ManualClock::default();
        let limit = || {
            let limit = RateLimit::of(quotas.iter().cloned()).unwrap().by_peer();
            limit.clock(clock.now()).cost(|head| {
                let cost = head.headers().get(COST).unwrap();
                cost.to_str().unwrap().parse().unwrap()
            })
        };
        Self {
            memory: Limiter::new(limit()),
            redis: Limiter::new(limit().in_redis(store.limit(name)).unwrap()),
            clock,
            names: 0,
        }
    }

    /// A key that was not used before.
    fn next_peer(&mut self) -> String {
        self.names += 1;
        format!("10.0.{}.{}:1", self.names / 256, self.names % 256)
    }

    /// What both report, which must be the same.
    async fn take(&self, peer: &str, step: &Step) -> String {
        let of_memory = said(&self.memory, peer, step).await;
        let of_redis = said(&self.redis, peer, step).await;
        assert_eq!(of_memory, of_redis, "{step:?}");
        of_memory
    }

    async fn run(&self, peer: &str, steps: &[Step]) -> Vec<String> {
        let mut said = Vec::new();
        for step in steps {
            match step {
                Advance(time) => self.clock.advance(*time),
                step => said.push(self.take(peer, step).await),
            }
        }
        said
    }
}

/// The limit's response, in one line.
async fn said(limiter: &Limiter<ByPeer>, peer: &str, step: &Step) -> String {
    let address: std::net::SocketAddr = peer.parse().unwrap();
    let key = wythe::key::AddressPart::from(address.ip());
    let handle = limiter.handle();
    match step {
        Send(units) => {
            let layer: With<_> = with_rate_limit(limiter.clone());
            let mut request: Request<Body> = from_peer(peer);
            request.headers_mut().insert(COST, (*units).into());
            line(&send(&layer, request).await)
        }
        Charge(units) => format!("{:?}", handle.charge(&key, *units).await.unwrap()),
        GiveBack(units) => format!("{:?}", handle.give_back(&key, *units).await.unwrap()),
        Block(time) => format!("{:?}", handle.block(&key, *time).await.unwrap()),
        Reset => format!("{:?}", handle.reset(&key).await.unwrap()),
        Left => {
            let left = handle.remaining(&key).await.unwrap();
            let left = left.iter().map(|left| (left.units(), left.next()));
            format!("{:?}", left.collect::<Vec<_>>())
        }
        Advance(_) => unreachable!(),
    }
}

/// Status, fields and names of the spent quotas.
fn line(response: &Response<Bytes>) -> String {
    let field = |name| {
        let value = response.headers().get(name);
        value.map_or("-", |value| value.to_str().unwrap())
    };
    let problem: serde_json::Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let spent = &problem["violated-policies"];
    let (ratelimit, retry) = (field("ratelimit"), field("retry-after"));
    format!("{} {ratelimit} {retry} {spent}", response.status().as_u16())
}

/// A server, a store on it, and a runtime to reach it.
fn store() -> Option<(Server, RedisStore, Runtime)> {
    let server = Server::start()?;
    let store = RedisStore::open(&server.url(), OnFailure::Deny).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    Some((server, store.timeout(secs(10)).unwrap(), runtime))
}

/// A name, the quotas, the steps, and the expected responses.
type Case = (&'static str, Vec<Quota>, Vec<Step>, Vec<&'static str>);

fn three_a_minute() -> Vec<Quota> {
    vec![Quota::per_minute(3)]
}

fn two() -> Vec<Quota> {
    vec![
        Quota::per_second(2).burst(4).named("burst"),
        Quota::per_minute(10).named("minute"),
    ]
}

/// Requests only.
fn requests() -> Vec<Case> {
    vec![
        (
            "the whole quota, and not one more",
            three_a_minute(),
            vec![Send(1), Send(1), Send(1), Send(1), Send(1)],
            vec![
                r#"200 "3-per-minute";r=2;t=20 - null"#,
                r#"200 "3-per-minute";r=1;t=20 - null"#,
                r#"200 "3-per-minute";r=0;t=20 - null"#,
                r#"429 "3-per-minute";r=0;t=20 20 ["3-per-minute"]"#,
                r#"429 "3-per-minute";r=0;t=20 20 ["3-per-minute"]"#,
            ],
        ),
        (
            "comes back evenly, to the nanosecond",
            three_a_minute(),
            vec![
                Send(3),
                Advance(secs(20) - Duration::from_nanos(1)),
                Send(1),
                Advance(Duration::from_nanos(1)),
                Send(1),
                Advance(secs(60)),
                Left,
            ],
            vec![
                r#"200 "3-per-minute";r=0;t=20 - null"#,
                r#"429 "3-per-minute";r=0;t=1 1 ["3-per-minute"]"#,
                r#"200 "3-per-minute";r=0;t=20 - null"#,
                "[(3, None)]",
            ],
        ),
        (
            "all quotas or none",
            two(),
            vec![
                Send(4),
                Send(1),
                Advance(secs(2)),
                Send(4),
                Advance(secs(2)),
                Send(4),
                Left,
            ],
            vec![
                r#"200 "burst";r=0;t=1, "minute";r=6;t=6 - null"#,
                r#"429 "burst";r=0;t=1, "minute";r=6 1 ["burst"]"#,
                r#"200 "burst";r=0;t=1, "minute";r=2;t=4 - null"#,
                r#"429 "burst";r=4, "minute";r=2;t=2 8 ["minute"]"#,
                "[(4, None), (2, Some(2s))]",
            ],
        ),
        (
            "both spent",
            two(),
            vec![Charge(10), Send(1)],
            vec![
                "()",
                r#"429 "burst";r=0;t=4, "minute";r=0;t=6 6 ["burst","minute"]"#,
            ],
        ),
        (
            "what costs more than there ever is",
            three_a_minute(),
            vec![Send(4), Send(u32::MAX), Send(3)],
            vec![
                r#"429 "3-per-minute";r=3 - ["3-per-minute"]"#,
                r#"429 "3-per-minute";r=3 - ["3-per-minute"]"#,
                r#"200 "3-per-minute";r=0;t=20 - null"#,
            ],
        ),
    ]
}

/// Changes from outside as well as requests.
fn changes() -> Vec<Case> {
    vec![
        (
            "what costs nothing passes unless there is a debt",
            three_a_minute(),
            vec![
                Send(0),
                Send(3),
                Send(0),
                Charge(1),
                Send(0),
                Advance(secs(20)),
                Send(0),
            ],
            vec![
                r#"200 "3-per-minute";r=3 - null"#,
                r#"200 "3-per-minute";r=0;t=20 - null"#,
                r#"200 "3-per-minute";r=0;t=20 - null"#,
                "()",
                r#"429 "3-per-minute";r=0;t=40 40 ["3-per-minute"]"#,
                r#"200 "3-per-minute";r=0;t=20 - null"#,
            ],
        ),
        (
            "debts come back, and can be given back",
            three_a_minute(),
            vec![
                Charge(6),
                Left,
                Advance(secs(30)),
                Left,
                GiveBack(4),
                Left,
                GiveBack(9),
                Left,
            ],
            vec![
                "()",
                "[(0, Some(80s))]",
                "[(0, Some(50s))]",
                "()",
                "[(2, Some(10s))]",
                "()",
                "[(3, None)]",
            ],
        ),
        (
            "blocks, and a pardon",
            two(),
            vec![
                Block(secs(100)),
                Send(1),
                Advance(secs(99)),
                Send(1),
                Advance(secs(1)),
                Send(1),
                Block(secs(3_600)),
                Reset,
                Send(4),
            ],
            vec![
                "()",
                r#"429 "burst";r=0;t=100, "minute";r=0;t=100 100 ["burst","minute"]"#,
                r#"429 "burst";r=0;t=1, "minute";r=0;t=1 1 ["burst","minute"]"#,
                r#"200 "burst";r=0;t=1, "minute";r=0;t=6 - null"#,
                "()",
                "()",
                r#"200 "burst";r=0;t=1, "minute";r=6;t=6 - null"#,
            ],
        ),
        (
            "a quota of months, and one of nanoseconds",
            vec![
                Quota::per(1_000, secs(90 * 86_400)).named("season"),
                Quota::per(1_000, Duration::from_nanos(1_000)).named("now"),
            ],
            vec![Send(1_000), Advance(secs(7_776)), Send(1), Send(1)],
            vec![
                r#"200 "season";r=0;t=7776, "now";r=0;t=1 - null"#,
                r#"200 "season";r=0;t=7776, "now";r=999;t=1 - null"#,
                r#"429 "season";r=0;t=7776, "now";r=999 7776 ["season"]"#,
            ],
        ),
    ]
}

#[test]
fn both_engines_give_the_results_of_the_table() {
    let Some((_server, store, runtime)) = store() else {
        return;
    };
    for (n, (name, quotas, steps, expected)) in requests().into_iter().chain(changes()).enumerate()
    {
        let mut both = LimitPair::new(&quotas, &store, &format!("case-{n}"));
        both.clock.set(START);
        let peer = both.next_peer();
        let said = runtime.block_on(both.run(&peer, &steps));
        assert_eq!(said, expected, "{name}");
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u64..20_000_000_000).prop_map(|nanos| Advance(Duration::from_nanos(nanos))),
        2 => (0_u64..200).prop_map(|tenths| Advance(ms(tenths * 100))),
        8 => (0_u32..8).prop_map(Send),
        1 => (0_u32..20).prop_map(Charge),
        1 => (0_u32..20).prop_map(GiveBack),
        1 => (0_u64..30_000).prop_map(|millis| Block(ms(millis))),
        1 => Just(Reset),
        1 => Just(Left),
    ];
    vec(step, 1..30)
}

fn quotas() -> impl Strategy<Value = Vec<Quota>> {
    let quota = (1_u32..10, 1_u64..60_000_000_000, 1_u32..12);
    vec(quota, 1..4).prop_map(|quotas| {
        let quotas = quotas.into_iter().enumerate();
        let quota = |(n, (count, period, burst)): (usize, (u32, u64, u32))| {
            let quota = Quota::per(count, Duration::from_nanos(period.max(count.into())));
            quota.burst(burst).named(format!("q{n}"))
        };
        quotas.map(quota).collect()
    })
}

#[test]
fn any_sequence_gets_the_same_results_from_both_engines() {
    let Some((_server, store, runtime)) = store() else {
        return;
    };
    let mut runner = TestRunner::new(ProptestConfig::with_cases(300));
    let number = std::cell::Cell::new(0);
    let result = runner.run(&(quotas(), steps()), |(quotas, steps)| {
        number.set(number.get() + 1);
        let both = LimitPair::new(&quotas, &store, &format!("any-{}", number.get()));
        both.clock.set(START);
        drop(runtime.block_on(both.run("10.0.0.1:1", &steps)));
        Ok(())
    });
    result.unwrap();
}
