//! Events in a real server, which is killed, suspended, and full.

use std::{num::NonZeroU32, time::Duration};

use http::StatusCode;
use wythe::{
    webhook::{ClaimId, EventKey, EventState, RedisWebhookStore, WebhookStore},
    with_webhook,
};

use super::{Event, once::every_store, signed, stripe};
use crate::common::{problem, redis::Server, send};

const EVENT: &str = r#"{"id":"evt_1"}"#;

const fn key(byte: u8) -> EventKey {
    EventKey::from_bytes([byte; 32])
}

const fn claim(byte: u8) -> ClaimId {
    ClaimId::from_bytes([byte; 16])
}

/// With a timeout that a slow machine does not exceed.
fn store(server: &Server) -> RedisWebhookStore {
    let store = RedisWebhookStore::open(&server.url()).unwrap();
    store.timeout(Duration::from_secs(5)).unwrap()
}

#[tokio::test]
async fn in_redis() {
    let Some(server) = Server::start() else {
        return;
    };
    every_store(store(&server)).await;
    // Hashes of events, and nothing of them; each expires.
    for key in server.keys() {
        assert!(
            key.starts_with("wythe:webhook:") && key.len() == 14 + 43,
            "{key}"
        );
        assert!(server.ask::<i64>(&format!("PTTL {key}")) > 0, "{key}");
    }
}

#[tokio::test]
async fn leases_and_records_expire_in_the_server() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = store(&server).prefix("shop:webhook").unwrap();
    let short = Duration::from_millis(50);
    let hour = Duration::from_secs(3_600);
    let state = store.begin(key(1), claim(1), short).await.unwrap();
    assert_eq!(state, EventState::New);
    // The process that held the lease was killed.
    tokio::time::sleep(short * 2).await;
    assert_eq!(
        store.begin(key(1), claim(2), hour).await.unwrap(),
        EventState::New
    );
    store.release(key(1), claim(1)).await.unwrap();
    assert_eq!(
        store.begin(key(1), claim(1), hour).await.unwrap(),
        EventState::InProgress
    );
    // The same question again, as after a lost answer.
    assert_eq!(
        store.begin(key(1), claim(2), hour).await.unwrap(),
        EventState::New
    );
    store.complete(key(1), short).await.unwrap();
    tokio::time::sleep(short * 2).await;
    assert_eq!(
        store.begin(key(1), claim(1), hour).await.unwrap(),
        EventState::New
    );
    // Times that the server would reject.
    for time in [Duration::ZERO, Duration::MAX] {
        store.complete(key(2), time).await.unwrap();
        store.begin(key(3), claim(1), time).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_handled_while_the_server_does_not_answer() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let store = RedisWebhookStore::open(&server.url()).unwrap();
    let store = store
        .timeout(Duration::from_millis(300))
        .unwrap()
        .give_up_after(NonZeroU32::new(2).unwrap())
        .try_again_after(Duration::from_millis(10), Duration::from_millis(20))
        .unwrap();
    let layer = with_webhook::<Event>(stripe()).once(store.clone());
    let careless = layer.clone().dangerously_handle_without_store();
    let event = || signed(&stripe(), "", EVENT);

    server.hang();
    let response = send(&layer, event()).await;
    problem(&response, StatusCode::SERVICE_UNAVAILABLE);
    server.go_on();
    server.kill();
    for _ in 0..4 {
        let response = send(&layer, event()).await;
        problem(&response, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(store.metrics().is_open);
    let response = send(&careless, event()).await;
    assert_eq!(response.body(), "ok");

    server.restart();
    let response = loop {
        let response = send(&layer, event()).await;
        if response.status() != StatusCode::SERVICE_UNAVAILABLE {
            break response;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    // The event that was handled without the store may have been recorded meanwhile.
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!store.metrics().is_open);
}

#[tokio::test]
async fn a_full_server_is_an_error_and_is_not_given_up() {
    let Some(server) = Server::with(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"])
    else {
        return;
    };
    let store = store(&server);
    let layer = with_webhook::<Event>(stripe()).once(store.clone());
    for _ in 0..6 {
        let response = send(&layer, signed(&stripe(), "", EVENT)).await;
        problem(&response, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(!store.metrics().is_open);
}

#[test]
fn bad_settings_are_errors() {
    let store = || RedisWebhookStore::open("redis://127.0.0.1:1").unwrap();
    RedisWebhookStore::open("http://:hunter2@127.0.0.1").unwrap_err();
    store().timeout(Duration::ZERO).unwrap_err();
    store().prefix("{slot}").unwrap_err();
    let second = Duration::from_secs(1);
    store().try_again_after(second * 2, second).unwrap_err();
    assert!(!format!("{:?}", store()).contains("redis://"));
}
