//! What the log says of a store that fails. Alone in its file: `tracing` remembers for the whole
//! process whether anybody listens to an event.
#![cfg(all(feature = "rate-limit-redis", feature = "tracing"))]

mod support;

use std::{
    fmt::{Debug, Write},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use support::{limits::call, redis::Server};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use wythe::{
    Quota,
    rate_limit::shared::{OnFailure, RedisStore},
    with_rate_limit,
};

/// Keeps the events of the store as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "wythe"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = event.metadata().level().to_string();
        event.record(&mut Fields(&mut text));
        self.0.lock().unwrap().push(text);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

#[tokio::test]
async fn a_store_that_fails_and_comes_back_is_two_events() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let store = RedisStore::open(&server.url(), OnFailure::Allow).unwrap();
    let store = store
        .give_up_after(2)
        .timeout(Duration::from_secs(1))
        .try_again_after(Duration::from_millis(10), Duration::from_millis(20));
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
    for round in 1..=2 {
        server.kill();
        wait(true).await;
        // Probes that fail say nothing.
        for _ in 0..20 {
            call(&layer).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.restart();
        wait(false).await;
        let events = log.0.lock().unwrap().clone();
        assert_eq!(events.len(), 2 * round, "{events:#?}");
        let [.., opened, closed] = &*events else {
            unreachable!()
        };
        assert!(
            opened.starts_with("WARN") && opened.contains("cause="),
            "{opened}"
        );
        assert!(
            closed.starts_with("INFO") && closed.contains("after="),
            "{closed}"
        );
        // No client, and nothing that stands for one.
        assert!(!events.concat().contains("203.0.113.9"));
        assert!(!events.concat().contains("wythe:log:"));
    }
    assert_eq!(store.metrics().opened, 2);
}
