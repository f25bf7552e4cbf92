//! What is logged when a store fails.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use wythe::{
    Quota,
    rate_limit::redis::{OnFailure, RedisStore},
    with_rate_limit,
};

use crate::common::{limits::call, log::Log, redis::Server};

#[tokio::test]
async fn logs_one_event_when_a_store_fails_and_one_when_it_recovers() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let (log, _guard) = Log::listen();
    let store = RedisStore::open(&server.url(), OnFailure::Allow).unwrap();
    let store = store
        .give_up_after(NonZeroU32::new(2).unwrap())
        .timeout(Duration::from_secs(1))
        .unwrap()
        .try_again_after(Duration::from_millis(10), Duration::from_millis(20))
        .unwrap();
    let limit = Quota::per_hour(9).by_peer().unwrap();
    let layer = with_rate_limit(limit.in_redis(store.limit("log")).unwrap());
    call(&layer).await;
    let wait = async |open: bool| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while store.metrics().is_open != open {
            call(&layer).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
            assert!(Instant::now() < deadline);
        }
    };
    for _ in 0..2 {
        server.kill();
        wait(true).await;
        // Failed probes log nothing.
        for _ in 0..20 {
            call(&layer).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.restart();
        wait(false).await;
        let events = log.take();
        let lines: Vec<_> = events.lines().collect();
        let [opened, closed] = *lines else {
            panic!("{events}")
        };
        assert!(
            opened.starts_with("WARN") && opened.contains("cause="),
            "{opened}"
        );
        assert!(
            closed.starts_with("INFO") && closed.contains("after="),
            "{closed}"
        );
        // No client, and nothing that identifies one.
        assert!(!events.contains("203.0.113.9") && !events.contains("wythe:log:"));
    }
    assert_eq!(store.metrics().opened, 2);
}
