//! What becomes of requests when the server of a shared limit fails, in every way it can.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use wythe::{
    Quota, With,
    key::ByPeer,
    rate_limit::{
        Limiter,
        redis::{OnFailure, RedisStore},
    },
    with_rate_limit,
};

use crate::common::{
    limits::{call, field},
    problem,
    redis::{Server, SlowProxy, free_port},
};

type Layer = With<Limiter<ByPeer>>;

const TIMEOUT: Duration = Duration::from_millis(150);

/// What a request may take beyond the timeout on a busy machine.
const MARGIN: Duration = Duration::from_millis(850);

const THREE: NonZeroU32 = NonZeroU32::new(3).unwrap();

const LOCAL: OnFailure = OnFailure::Local {
    instances: NonZeroU32::new(4).unwrap(),
};

/// A store that is marked as failed after three failures and retried soon.
fn store(url: &str, on_failure: OnFailure) -> RedisStore {
    let store = RedisStore::open(url, on_failure).unwrap();
    let store = store.timeout(TIMEOUT).unwrap().give_up_after(THREE);
    let store = store.try_again_after(Duration::from_millis(20), Duration::from_millis(50));
    store.unwrap()
}

fn layer(store: &RedisStore, name: &str) -> Layer {
    let limit = Quota::per_hour(8).by_peer().unwrap();
    with_rate_limit(limit.in_redis(store.limit(name)).unwrap())
}

/// Sends a request, which must not take longer than the timeout.
async fn timely(layer: &Layer) -> Response<Bytes> {
    let start = Instant::now();
    let response = call(layer).await;
    let took = start.elapsed();
    assert!(took < TIMEOUT + MARGIN, "a request waited {took:?}");
    response
}

/// Checks that each policy does what it promises, while the server fails and once it has recovered.
async fn each_policy_holds<S>(
    mut server: S,
    url: impl Fn(&S) -> String,
    fail: impl Fn(&mut S),
    heal: impl Fn(&mut S),
) {
    let url = url(&server);
    let policies = [
        ("deny", OnFailure::Deny),
        ("allow", OnFailure::Allow),
        ("local", LOCAL),
    ];
    for (name, on_failure) in policies {
        let store = store(&url, on_failure);
        let layer = layer(&store, name);
        let prepared = timely(&layer).await;
        assert_eq!(prepared.status(), StatusCode::OK, "{on_failure:?}");

        fail(&mut server);
        while !store.metrics().is_open {
            check(on_failure, &timely(&layer).await);
        }
        // A failed store costs nothing: most of these do not wait at all.
        let start = Instant::now();
        let before = store.metrics();
        let mut sent = 0;
        while sent < 200 && on_failure != LOCAL {
            check(on_failure, &timely(&layer).await);
            sent += 1;
        }
        let after = store.metrics();
        let probes = after.failures - before.failures;
        assert!(probes <= 200 / 4, "{probes} of 200 requests asked");
        assert!(after.undecided >= before.undecided + sent);
        assert!(start.elapsed() < (TIMEOUT + MARGIN) * (u32::try_from(probes).unwrap() + 1));
        assert_eq!(after.opened, 1);

        heal(&mut server);
        let deadline = Instant::now() + Duration::from_secs(20);
        while store.metrics().is_open {
            let response = timely(&layer).await;
            assert!(response.status() != StatusCode::INTERNAL_SERVER_ERROR);
            assert!(Instant::now() < deadline, "not asked again: {store:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(store.metrics().opened, 1);
        // It counts by the shared quota again.
        let response = timely(&layer).await;
        let policy = field(&response, "ratelimit-policy");
        assert_eq!(policy, Some(r#""8-per-hour";q=8;w=3600"#), "{on_failure:?}");
    }
}

/// Checks a response that was given without the store.
#[track_caller]
fn check(on_failure: OnFailure, response: &Response<Bytes>) {
    match on_failure {
        OnFailure::Deny => {
            let problem = problem(response, StatusCode::SERVICE_UNAVAILABLE);
            let kind = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
            assert_eq!(problem["type"], kind);
            let seconds: u64 = field(response, "retry-after").unwrap().parse().unwrap();
            assert!(seconds >= 1);
        }
        OnFailure::Allow => {
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(field(response, "ratelimit"), None);
        }
        // Two of eight, because there are four instances.
        _ => {
            let policy = field(response, "ratelimit-policy").unwrap();
            assert_eq!(policy, r#""8-per-hour";q=2;w=3600"#);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed() {
    let Some(server) = Server::start() else {
        return;
    };
    each_policy_holds(server, Server::url, Server::kill, Server::restart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs() {
    let Some(server) = Server::start() else {
        return;
    };
    each_policy_holds(
        server,
        Server::url,
        |server| server.hang(),
        |server| server.go_on(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_become_a_replica() {
    let Some(server) = Server::start() else {
        return;
    };
    let nobody = free_port();
    each_policy_holds(
        server,
        Server::url,
        |server| server.ask(&format!("REPLICAOF 127.0.0.1 {nobody}")),
        |server| server.ask("REPLICAOF NO ONE"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_memory() {
    let Some(server) = Server::with(&["--maxmemory-policy", "noeviction"]) else {
        return;
    };
    each_policy_holds(
        server,
        Server::url,
        |server| server.ask("CONFIG SET maxmemory 1"),
        |server| server.ask("CONFIG SET maxmemory 0"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_password_has_changed() {
    let Some(server) = Server::start() else {
        return;
    };
    let ask = |server: &mut Server| server.ask_for_password();
    let forget = |server: &mut Server| server.forget_password();
    each_policy_holds(server, Server::url, ask, forget).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_run_scripts() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ask::<()>("ACL SETUSER limits on >pw ~wythe:* +evalsha +eval +time +get +set +del");
    each_policy_holds(
        server,
        |server| format!("redis://limits:pw@127.0.0.1:{}", server.port()),
        |server| server.ask("ACL SETUSER limits -evalsha"),
        |server| server.ask("ACL SETUSER limits +evalsha"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_has_become_slow() {
    let Some(server) = Server::start() else {
        return;
    };
    let proxy = SlowProxy::before(&server).await;
    each_policy_holds(
        proxy,
        SlowProxy::url,
        |proxy| proxy.delay(TIMEOUT * 3),
        |proxy| proxy.delay(Duration::ZERO),
    )
    .await;
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_sleeps_makes_no_request_wait_longer_than_the_timeout() {
    let Some(server) = Server::with(&["--enable-debug-command", "yes"]) else {
        return;
    };
    let store = store(&server.url(), OnFailure::Allow);
    let layer = layer(&store, "test");
    timely(&layer).await;
    let port = server.port();
    let sleeping = tokio::task::spawn_blocking(move || {
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
        let mut connection = client.get_connection().unwrap();
        let sleep = ["SLEEP", "1"];
        redis::cmd("DEBUG")
            .arg(&sleep)
            .exec(&mut connection)
            .unwrap();
    });
    let start = Instant::now();
    while !store.metrics().is_open {
        // Many at once wait no longer than one.
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let layer = layer.clone();
            all.spawn(async move { timely(&layer).await.status() });
        }
        for status in all.join_all().await {
            assert_ne!(status, StatusCode::SERVICE_UNAVAILABLE);
        }
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    sleeping.await.unwrap();
    while store.metrics().is_open {
        timely(&layer).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn a_server_that_was_never_there() {
    let url = format!("redis://127.0.0.1:{}", free_port());
    let store = store(&url, OnFailure::Deny);
    let layer = layer(&store, "test");
    for _ in 0..20 {
        check(OnFailure::Deny, &timely(&layer).await);
    }
    let metrics = store.metrics();
    assert_eq!((metrics.opened, metrics.is_open), (1, true));
    assert_eq!(metrics.undecided, 20);
}

/// The share of an instance refills more slowly, so that a cost within the burst of the quota can
/// be further from that of the share than 64 bits of nanoseconds can represent.
#[tokio::test]
async fn a_cost_far_above_the_share_of_an_instance_is_rejected() {
    let url = format!("redis://127.0.0.1:{}", free_port());
    let instances = NonZeroU32::new(1_000_000).unwrap();
    let store = store(&url, OnFailure::Local { instances });
    let limit = Quota::per_hour(1).burst(2_400).by_peer().unwrap();
    let limit = limit.in_redis(store.limit("share")).unwrap();
    let layer = with_rate_limit(limit.cost(|_| 2_400));
    assert_eq!(timely(&layer).await.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_supplied_connection_is_bounded_by_the_same_timeout() {
    let Some(server) = Server::start() else {
        return;
    };
    let client = redis::Client::open(server.url()).unwrap();
    let manager = client.get_connection_manager().await.unwrap();
    let store = RedisStore::new(manager, OnFailure::Allow).timeout(TIMEOUT);
    let store = store.unwrap().give_up_after(THREE);
    let layer = layer(&store, "test");
    assert_eq!(
        field(&timely(&layer).await, "ratelimit"),
        Some(r#""8-per-hour";r=7;t=450"#)
    );
    server.hang();
    for _ in 0..10 {
        check(OnFailure::Allow, &timely(&layer).await);
    }
    assert!(store.metrics().is_open);
    server.go_on();
}

#[tokio::test]
async fn a_restart_forgets_the_counts_and_the_script_without_an_error() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let store = store(&server.url(), OnFailure::Deny);
    let layer = layer(&store, "test");
    for _ in 0..8 {
        assert_eq!(call(&layer).await.status(), StatusCode::OK);
    }
    assert_eq!(call(&layer).await.status(), StatusCode::TOO_MANY_REQUESTS);
    let before = store.metrics().round_trips;
    // The script is sent again, within the same request.
    server.ask::<()>("SCRIPT FLUSH");
    assert_eq!(call(&layer).await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(store.metrics().round_trips - before, 2);
    assert_eq!(call(&layer).await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(store.metrics().round_trips - before, 3);

    server.restart();
    let mut refused = 0;
    while call(&layer).await.status() != StatusCode::OK {
        refused += 1;
        assert!(refused < 5, "the connection is made again");
    }
}
