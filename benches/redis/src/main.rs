//! Limits in Redis: the time and the round trips of a request, with and without leases.
//!
//! `cargo run --release -p wythe-redis-bench` starts a server of its own.

use std::{
    convert::Infallible,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    PeerAddr, Quota, With,
    key::ByPeer,
    rate_limit::{
        Limiter,
        redis::{OnFailure, RedisStore},
    },
    with_rate_limit,
};

#[path = "../../../tests/it/common/redis.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod server;

use server::Server;

type Limit = With<Limiter<ByPeer>>;

/// Sends one request from one of this many clients.
async fn request(layer: &Limit, client: u32) -> u16 {
    let handler = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut request = Request::new(());
    let peer = SocketAddr::from((client.to_be_bytes(), 50_123));
    request.extensions_mut().insert(PeerAddr(peer));
    let response = layer.layer(handler).oneshot(request).await;
    response.map_or(0, |response| response.status().as_u16())
}

struct Measured {
    took: Duration,
    each: Vec<Duration>,
    passed: usize,
}

/// `tasks` concurrent tasks send `each` requests from `clients` clients in turn.
async fn send(layer: &Limit, tasks: u32, each: u32, clients: u32) -> Measured {
    let start = Instant::now();
    let all: Vec<_> = (0..tasks)
        .map(|task| {
            let layer = layer.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                let mut passed = 0;
                for n in 0..each {
                    let start = Instant::now();
                    let status = request(&layer, (task * each + n) % clients).await;
                    times.push(start.elapsed());
                    passed += usize::from(status == 200);
                }
                (times, passed)
            })
        })
        .collect();
    let (mut times, mut passed) = (Vec::new(), 0);
    for task in all {
        let (more, also) = task.await.unwrap_or_default();
        times.extend(more);
        passed += also;
    }
    let took = start.elapsed();
    times.sort_unstable();
    Measured {
        took,
        each: times,
        passed,
    }
}

impl Measured {
    fn print(&self, name: &str, round_trips: Option<u64>) {
        let requests = self.each.len();
        let at = |part: usize| {
            let time = self.each.get((requests - 1) * part / 1_000);
            time.copied().unwrap_or_default().as_nanos() as f64 / 1e3
        };
        let trips = round_trips.map_or("-".to_owned(), |trips| {
            format!("{:.4}", trips as f64 / requests as f64)
        });
        println!(
            "{name:<44} {:>9.1} {:>9.1} {:>9.1} {:>10.0} {trips:>8} {:>7}",
            at(500),
            at(990),
            at(999),
            requests as f64 / self.took.as_secs_f64(),
            self.passed,
        );
    }
}

fn store(server: &Server) -> RedisStore {
    let store = RedisStore::open(&server.url(), OnFailure::Allow).expect("a URL");
    store.timeout(Duration::from_secs(1)).expect("a time")
}

fn quota(count: u32) -> Quota {
    Quota::per_day(count)
}

#[tokio::main]
async fn main() {
    let Some(mut server) = Server::start() else {
        return;
    };
    println!(
        "{:<44} {:>9} {:>9} {:>9} {:>10} {:>8} {:>7}",
        "", "p50 us", "p99 us", "p99.9 us", "per s", "trips", "passed"
    );
    let much = 100_000_000;
    let memory = with_rate_limit(quota(much).by_peer().expect("a quota"));
    send(&memory, 1, 20_000, 1).await;
    send(&memory, 1, 200_000, 1)
        .await
        .print("memory, one at a time", None);

    let cases = [
        ("one key, one at a time", 1, 20_000, 1),
        ("one key, 64 at once", 64, 1_500, 1),
        ("1,000 keys, 64 at once", 64, 1_500, 1_000),
    ];
    let mut number = 0;
    for batch in [0, 10, 100] {
        for (name, tasks, each, clients) in cases {
            let store = store(&server);
            number += 1;
            let mut limit = store.limit(format!("bench-{number}"));
            if batch > 0 {
                limit = limit.lease(batch, Duration::from_secs(10));
            }
            let limit = quota(much).by_peer().expect("a quota").in_redis(limit);
            let layer = with_rate_limit(limit.expect("a limit"));
            send(&layer, 1, 100, 1).await;
            let before = store.metrics().round_trips;
            let measured = send(&layer, tasks, each, clients).await;
            let trips = store.metrics().round_trips - before;
            let name = match batch {
                0 => format!("no lease, {name}"),
                batch => format!("lease of {batch}, {name}"),
            };
            measured.print(&name, Some(trips));
        }
    }
    for (name, batch) in [("refused, no lease", 0), ("refused, lease of 10", 10)] {
        let store = store(&server);
        let mut limit = store.limit(format!("refused-{batch}"));
        if batch > 0 {
            limit = limit.lease(batch, Duration::from_secs(1));
        }
        let limit = quota(100).by_peer().expect("a quota").in_redis(limit);
        let layer = with_rate_limit(limit.expect("a limit"));
        send(&layer, 1, 200, 1).await;
        let before = store.metrics().round_trips;
        let measured = send(&layer, 1, 20_000, 1).await;
        measured.print(name, Some(store.metrics().round_trips - before));
    }
    let stats: String = server.ask("INFO commandstats");
    for line in stats.lines().filter(|line| line.contains("evalsha")) {
        println!("server: {line}");
    }

    let store = store(&server);
    let limit = quota(much)
        .by_peer()
        .expect("a quota")
        .in_redis(store.limit("dead"));
    let layer = with_rate_limit(limit.expect("a limit"));
    server.kill();
    send(&layer, 1, 100, 1).await;
    let before = store.metrics().round_trips;
    let measured = send(&layer, 1, 200_000, 1).await;
    measured.print(
        "dead server, allowed",
        Some(store.metrics().round_trips - before),
    );
}
