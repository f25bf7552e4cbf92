//! Limits that instances share in Redis, with real servers.

use std::{
    env,
    num::NonZeroU32,
    process::{Command, Stdio},
    time::Duration,
};

use http::StatusCode;
use wythe::{
    ConfigError, Place, Quota, RateLimit,
    key::ByPeer,
    rate_limit::{
        Limiter, Overflow,
        redis::{OnFailure, RedisStore},
    },
    with_rate_limit,
};

use crate::common::{
    self,
    limits::{ManualClock, call, field, from_peer, refused, send},
    redis::{Server, program},
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A store whose server has all the time it needs.
fn store(server: &Server) -> RedisStore {
    let store = RedisStore::open(&server.url(), OnFailure::Deny).unwrap();
    store.timeout(secs(10)).unwrap()
}

fn per_hour(count: u32) -> RateLimit<ByPeer> {
    Quota::per_hour(count).by_peer().unwrap()
}

const CHILD: &str = "WYTHE_TEST_SHARED_LIMIT_URL";
const PASSES: u32 = 500;

/// What each of the processes does: as many requests as it can, eight at a time.
async fn send_many(url: &str) -> usize {
    let store = RedisStore::open(url, OnFailure::Deny)
        .unwrap()
        .timeout(secs(30))
        .unwrap();
    let limit = Quota::per_day(PASSES).by_peer().unwrap();
    let layer = with_rate_limit(limit.in_redis(store.limit("processes")).unwrap());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let layer = layer.clone();
            tokio::spawn(async move {
                let mut passed = 0;
                for _ in 0..100 {
                    let response = call(&layer).await;
                    passed += usize::from(refused(&response).is_none());
                }
                passed
            })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        passed += task.await.unwrap();
    }
    passed
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_admit_exactly_as_many_requests_as_one() {
    if let Ok(url) = env::var(CHILD) {
        println!("\npassed: {}", send_many(&url).await);
        return;
    }
    let Some(server) = Server::start() else {
        return;
    };
    let process = || {
        Command::new(env::current_exe().unwrap())
            .args([
                "two_processes_admit_exactly_as_many_requests_as_one",
                "--nocapture",
            ])
            .env(CHILD, server.url())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let passed = [process(), process()].map(|process| {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let passed = text.lines().find_map(|line| line.strip_prefix("passed: "));
        passed.unwrap().parse::<u32>().unwrap()
    });
    assert_eq!(passed.iter().sum::<u32>(), PASSES, "{passed:?}");
    assert_eq!(server.keys().len(), 1);
}

#[tokio::test]
async fn quotas_refill_by_the_servers_clock_and_expire_on_the_server() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = store(&server);
    let quota = Quota::per(2, Duration::from_millis(200)).by_peer().unwrap();
    let layer = with_rate_limit(quota.in_redis(store.limit("short")).unwrap());
    assert_eq!(call(&layer).await.status(), StatusCode::OK);
    let keys = server.keys();
    assert_eq!(keys.len(), 1);
    let left: i64 = server.ask(&format!("PTTL {}", keys[0]));
    assert!((0..=100).contains(&left), "{left}");
    while !server.keys().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(
        field(&call(&layer).await, "ratelimit"),
        Some(r#""2-per-200ms";r=1;t=1"#)
    );
}

#[tokio::test]
async fn a_request_is_one_call_however_many_quotas_it_has() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = store(&server);
    let quotas = ["a", "b", "c"].map(|name| Quota::per_hour(9).named(name));
    let limit = RateLimit::of(quotas).unwrap().by_peer();
    let layer = with_rate_limit(limit.in_redis(store.limit("three")).unwrap());
    for n in 1..=9 {
        assert_eq!(call(&layer).await.status(), StatusCode::OK);
        // The first request sends the script.
        assert_eq!(store.metrics().round_trips, n + 1);
    }
    assert_eq!(server.keys().len(), 1);
}

#[tokio::test]
async fn no_client_data_is_readable_on_the_server() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = store(&server).prefix("shop:test").unwrap();
    let store = store.secret("pepper").unwrap();
    let limit = Quota::per_hour(9).by(|_| "ada@example.com").unwrap();
    let layer = with_rate_limit(limit.in_redis(store.limit("login")).unwrap());
    let request = from_peer("203.0.113.9:50123");
    let response = tower::Layer::layer(&layer, common::Ok200);
    tower::ServiceExt::oneshot(response, request).await.unwrap();
    let keys = server.keys();
    let [key] = &*keys else { panic!("{keys:?}") };
    let hash = key.strip_prefix("shop:test:login:{").unwrap();
    assert_eq!(hash.strip_suffix('}').unwrap().len(), 22);
    let value: String = server.ask(&format!("GET {key}"));
    assert!(!value.contains("ada") && !format!("{store:?}").contains("pepper"));
}

#[tokio::test]
async fn the_script_accesses_one_key_only() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = store(&server);
    let limiter = Limiter::new(per_hour(5).in_redis(store.limit("one")).unwrap());
    let layer = with_rate_limit(limiter.clone());
    call(&layer).await;
    let [key]: [String; 1] = server.keys().try_into().unwrap();
    // A user who may access this key only, and run no other command.
    let user = format!("ACL SETUSER one on >pw ~{key} +evalsha +eval +time +get +set +del");
    server.ask::<()>(&user);
    let url = format!("redis://one:pw@127.0.0.1:{}/?protocol=resp3", server.port());
    let store = RedisStore::open(&url, OnFailure::Deny)
        .unwrap()
        .timeout(secs(10))
        .unwrap();
    let limiter = Limiter::new(per_hour(5).in_redis(store.limit("one")).unwrap());
    let layer = with_rate_limit(limiter.clone());
    assert_eq!(
        field(&call(&layer).await, "ratelimit"),
        Some(r#""5-per-hour";r=3;t=720"#)
    );
    let handle = limiter.handle();
    let peer: std::net::IpAddr = "203.0.113.9".parse().unwrap();
    let peer = peer.into();
    handle.charge(&peer, 1).await.unwrap();
    handle.block(&peer, secs(9)).await.unwrap();
    assert_eq!(handle.remaining(&peer).await.unwrap()[0].units(), 0);
    handle.reset(&peer).await.unwrap();
    assert!(server.keys().is_empty());
}

#[tokio::test]
async fn a_changed_quota_of_the_same_name_keeps_what_was_spent() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = ManualClock::default();
    // Each is a deployment: another process.
    let deploy = |quotas: Vec<Quota>| {
        let limit = RateLimit::of(quotas).unwrap().by_peer().clock(clock.now());
        with_rate_limit(limit.in_redis(store(&server).limit("api")).unwrap())
    };
    let daily = deploy(vec![Quota::per_day(4)]);
    for _ in 0..4 {
        assert_eq!(refused(&call(&daily).await), None);
    }
    assert_eq!(refused(&call(&daily).await), Some(21_600));
    // Four are spent here as well, and refill at the rate of the new quota.
    let other = vec![
        Quota::per_minute(60).burst(3),
        Quota::per_hour(9).named("h"),
    ];
    let minutely = deploy(other);
    assert_eq!(refused(&call(&minutely).await), Some(1));
    clock.advance(secs(1));
    let response = call(&minutely).await;
    let left = r#""60-per-minute";r=0;t=1, "h";r=8;t=400"#;
    assert_eq!(field(&response, "ratelimit"), Some(left));
    // While both are deployed they count together, and what only one of them knows is kept.
    clock.advance(secs(2));
    let response = call(&daily).await;
    assert_eq!(
        field(&response, "ratelimit"),
        Some(r#""4-per-day";r=2;t=21600"#)
    );
    let response = call(&minutely).await;
    let left = r#""60-per-minute";r=0;t=1, "h";r=7;t=398"#;
    assert_eq!(field(&response, "ratelimit"), Some(left));
}

#[tokio::test]
async fn plans_are_counted_separately() {
    let Some(server) = Server::start() else {
        return;
    };
    let plans = [
        (false, [Quota::per_hour(1).named("free")]),
        (true, [Quota::per_hour(2).named("paid")]),
    ];
    let plans = RateLimit::plans(plans).unwrap();
    let limit = plans
        .chosen_by(|head| head.headers().contains_key("x-paid"))
        .by_peer();
    let layer = with_rate_limit(limit.in_redis(store(&server).limit("plans")).unwrap());
    let paid = || {
        let mut request = from_peer("203.0.113.9:50123");
        let yes = http::HeaderValue::from_static("yes");
        request.headers_mut().insert("x-paid", yes);
        request
    };
    assert_eq!(refused(&call(&layer).await), None);
    assert_eq!(refused(&call(&layer).await), Some(3_600));
    let response = send(&layer, paid()).await;
    assert_eq!(field(&response, "ratelimit"), Some(r#""paid";r=1;t=1800"#));
    assert_eq!(server.keys().len(), 2);
}

#[tokio::test]
async fn a_cost_settled_after_the_response_reaches_the_server() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = store(&server);
    let limiter = per_hour(2).count_failures();
    let limiter = Limiter::new(limiter.in_redis(store.limit("failures")).unwrap());
    let layer = with_rate_limit(limiter.clone());
    // The handler answers 200: the units taken are given back after the response.
    for _ in 0..4 {
        let response = call(&layer).await;
        assert_eq!(field(&response, "ratelimit"), Some(r#""2-per-hour";r=2"#));
        while !server.keys().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_server_clock_that_goes_back_blocks_no_client() {
    let Some(server) = Server::start() else {
        return;
    };
    let layer = with_rate_limit(per_hour(1).in_redis(store(&server).limit("back")).unwrap());
    assert_eq!(refused(&call(&layer).await), None);
    let [key]: [String; 1] = server.keys().try_into().unwrap();
    // As if a clock that was a year ahead had written it, and has been corrected since.
    let value: String = server.ask(&format!("GET {key}"));
    let (written, rest) = value.split_once('\n').unwrap();
    let written: u64 = written.parse().unwrap();
    let ahead = written + 365 * 86_400 * 1_000_000;
    let mut connection = server.connection();
    let set = [key.as_str(), &format!("{ahead}\n{rest}")];
    redis::cmd("SET").arg(&set).exec(&mut connection).unwrap();
    let seconds = refused(&call(&layer).await).unwrap();
    assert!((3_590..=3_600).contains(&seconds), "{seconds}");
    // From now on it counts by the correct time.
    let value: String = server.ask(&format!("GET {key}"));
    let now: u64 = value.split_once('\n').unwrap().0.parse().unwrap();
    assert!((written..written + 60_000_000).contains(&now));
}

#[test]
fn an_invalid_configuration_is_an_error() {
    let store = || RedisStore::open("redis://127.0.0.1:1", OnFailure::Deny).unwrap();
    let hourly = || per_hour(10);
    let local = OnFailure::Local {
        instances: NonZeroU32::MAX,
    };
    let of_many = || RedisStore::open("redis://127.0.0.1:1", local).unwrap();
    let kept = hourly().in_redis(store().limit("kept"));
    let shared = store();
    let first = hourly().in_redis(shared.limit("same")).unwrap();
    let cases: [(&str, Result<RateLimit<ByPeer>, ConfigError>); 8] = [
        ("must consist of", hourly().in_redis(store().limit(""))),
        ("must consist of", hourly().in_redis(store().limit("a{b}"))),
        ("must consist of", hourly().in_redis(store().limit("a:b"))),
        (
            "another limit has the name",
            hourly().in_redis(shared.limit("same")),
        ),
        (
            "fewer than 2",
            hourly().in_redis(store().limit("a").lease(1, secs(1))),
        ),
        (
            "smallest burst",
            hourly().in_redis(store().limit("a").lease(11, secs(1))),
        ),
        (
            "a duration of 0",
            hourly().in_redis(store().limit("a").lease(2, Duration::ZERO)),
        ),
        (
            "104 days",
            Quota::per(1, secs(105 * 86_400))
                .by_peer()
                .unwrap()
                .in_redis(store().limit("a")),
        ),
    ];
    for (message, result) in cases {
        let error = result.map(drop).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    drop(kept.unwrap());
    let cases: [(&str, Result<RedisStore, ConfigError>); 5] = [
        ("the secret is empty", store().secret("")),
        ("must consist of", store().prefix("a b")),
        ("must consist of", store().prefix("")),
        ("a timeout of 0", store().timeout(Duration::ZERO)),
        ("longest backoff", store().try_again_after(secs(2), secs(1))),
    ];
    for (message, result) in cases {
        let error = result.map(drop).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    drop(store().try_again_after(secs(1), secs(1)).unwrap());

    // A bound of memory that nothing is kept in.
    let bounded = |limit: RateLimit<ByPeer>| limit.max_keys(10, Overflow::Refuse);
    for on_failure in [OnFailure::Deny, OnFailure::Allow] {
        let store = || RedisStore::open("redis://127.0.0.1:1", on_failure).unwrap();
        let before = bounded(hourly()).unwrap().in_redis(store().limit("a"));
        let after = bounded(hourly().in_redis(store().limit("a")).unwrap());
        for result in [before, after] {
            let error = result.map(drop).unwrap_err().to_string();
            assert!(error.contains("leave `max_keys` out"), "{error}");
        }
    }
    let instances = NonZeroU32::new(2).unwrap();
    let local = OnFailure::Local { instances };
    let local = RedisStore::open("redis://127.0.0.1:1", local).unwrap();
    drop(
        bounded(hourly())
            .unwrap()
            .in_redis(local.limit("a"))
            .unwrap(),
    );
    let refusing = bounded(hourly().in_redis(local.limit("b")).unwrap()).unwrap();
    let description = Limiter::new(refusing).describe();
    let answers = description.answers().iter();
    let statuses: Vec<_> = answers.map(|answer| answer.status().as_u16()).collect();
    assert!(statuses.contains(&503), "{statuses:?}");

    let daily = Quota::per_day(1).by_peer().unwrap();
    let error = daily.in_redis(of_many().limit("a")).unwrap_err();
    assert!(error.to_string().contains("584 years"), "{error}");
    // A name is free again once its limit is dropped.
    drop(first);
    drop(hourly().in_redis(shared.limit("same")).unwrap());
    let error = RedisStore::open("http://:secret@host", OnFailure::Allow).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

/// Three servers that form one cluster.
#[tokio::test]
async fn works_on_a_cluster() {
    if program().is_none() {
        return;
    }
    let node = || Server::with(&["--cluster-enabled", "yes"]).unwrap();
    let nodes = [node(), node(), node()];
    for (n, node) in nodes.iter().enumerate() {
        let first = n * 5_462;
        let last = (first + 5_461).min(16_383);
        node.ask::<()>(&format!("CLUSTER ADDSLOTSRANGE {first} {last}"));
    }
    let keys = [
        "10.0.0.1:1",
        "10.0.0.2:1",
        "10.0.0.3:1",
        "10.0.0.4:1",
        "10.0.0.5:1",
    ];
    // Each node serves its own keys, and answers `MOVED` for others: the hash tag in the braces
    // decides.
    let mut answered = 0;
    for node in &nodes {
        for _ in 0..200 {
            if node
                .ask::<String>("CLUSTER INFO")
                .contains("cluster_state:ok")
            {
                break;
            }
            // A node alone serves nothing unless it may serve without all slots.
            node.ask::<()>("CONFIG SET cluster-require-full-coverage no");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let store = store(node).give_up_after(NonZeroU32::new(1_000).unwrap());
        let layer = with_rate_limit(per_hour(5).in_redis(store.limit("cluster")).unwrap());
        for key in keys {
            let status = send(&layer, from_peer(key)).await.status();
            answered += usize::from(status == StatusCode::OK);
        }
    }
    assert_eq!(answered, keys.len());
    let spread = nodes.iter().map(|node| node.keys().len());
    assert_eq!(spread.sum::<usize>(), keys.len());
}
