//! Answers in Redis, with a server that fails.

use std::{num::NonZeroU32, sync::atomic::Ordering, time::Duration};

use http::StatusCode;
use tokio::time::{sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    Idempotency,
    idempotency::{Acquired, Everybody, IdempotencyStore, RedisAnswers},
    with_idempotency,
};

use super::{
    Payments,
    disconnects::pays_once,
    is_replay, pay, send,
    stores::{claim, does_what_a_store_does},
};
use crate::common::{self, Body, redis::Server};

fn store(server: &Server) -> RedisAnswers {
    let store = RedisAnswers::open(&server.url()).unwrap();
    let store = store.give_up_after(NonZeroU32::new(1_000).unwrap());
    store.timeout(Duration::from_millis(300)).unwrap()
}

fn policy(server: &Server) -> Idempotency<Everybody> {
    Idempotency::stored(store(server)).dangerously_shared()
}

#[tokio::test]
async fn redis_does_what_a_store_does() {
    let Some(server) = Server::start() else {
        return;
    };
    does_what_a_store_does(&store(&server)).await;
}

#[tokio::test]
async fn leases_and_answers_expire_by_the_clock_of_the_server() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = store(&server);
    let short = Duration::from_millis(50);
    assert_eq!(
        store.acquire(&claim(1, 1, 1), short).wait().await.unwrap(),
        Acquired::Free
    );
    sleep(short * 2).await;
    assert_eq!(
        store.acquire(&claim(1, 1, 2), short).wait().await.unwrap(),
        Acquired::Free
    );
    assert!(
        store
            .complete(&claim(1, 1, 2), "two".into(), short)
            .wait()
            .await
            .unwrap()
    );
    sleep(short * 2).await;
    assert_eq!(server.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn a_client_that_disconnects_and_tries_again_pays_once() {
    let Some(server) = Server::start() else {
        return;
    };
    pays_once(|| {
        let _: () = server.ask("FLUSHALL");
        store(&server)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_at_two_instances_one_runs() {
    let Some(server) = Server::start() else {
        return;
    };
    let payments = Payments::default();
    let instances = [0, 1].map(|_| with_idempotency(policy(&server)).layer(payments.handler(50)));
    let requests: Vec<_> = (0..200)
        .map(|n| {
            let service = instances[n % 2].clone();
            tokio::spawn(async move { send(&service, pay("a")).await.status() })
        })
        .collect();
    for request in requests {
        let status = request.await.unwrap();
        assert!(
            [StatusCode::CREATED, StatusCode::CONFLICT].contains(&status),
            "{status}"
        );
    }
    assert_eq!(payments.count(), 1);
    for service in &instances {
        assert!(is_replay(&send(service, pay("a")).await));
    }
}

#[tokio::test]
async fn without_a_server_requests_with_a_key_are_answered_503() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let payments = Payments::default();
    let service = with_idempotency(policy(&server)).layer(payments.handler(1));
    assert_eq!(send(&service, pay("a")).await.status(), StatusCode::CREATED);
    server.kill();
    let down = send(&service, pay("b")).await;
    common::problem(&down, StatusCode::SERVICE_UNAVAILABLE);
    let mut without = pay("c");
    without.headers_mut().remove("idempotency-key");
    assert_eq!(send(&service, without).await.status(), StatusCode::CREATED);
    assert_eq!(payments.count(), 2);
    server.restart();
    assert_eq!(send(&service, pay("b")).await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_server_that_hangs_is_not_waited_for() {
    let Some(server) = Server::start() else {
        return;
    };
    let payments = Payments::default();
    let layer = with_idempotency(policy(&server));
    let tasks = layer.inner().tasks();
    let service = layer.layer(payments.handler(1));
    send(&service, pay("a")).await;
    server.hang();
    let answer = timeout(Duration::from_secs(5), send(&service, pay("b"))).await;
    assert_eq!(answer.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    server.go_on();
    tasks.wait_idle().await;
    // What the server did not answer, it did: the key is freed as soon as it goes on.
    for n in 0.. {
        let answer = send(&service, pay("b")).await;
        if answer.status() == StatusCode::CREATED {
            break;
        }
        assert!(n < 100, "{answer:?}");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(payments.count(), 2);
}

/// The server fails while the handler runs.
#[tokio::test]
async fn the_client_gets_its_answer_although_the_server_has_failed() {
    for restarts in [false, true] {
        let Some(mut server) = Server::start() else {
            return;
        };
        let policy = policy(&server).lease(Duration::from_secs(3)).unwrap();
        let (begun, mut has_begun) = tokio::sync::mpsc::channel(1);
        let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
        let opened = std::sync::Arc::clone(&gate);
        let handler = service_fn(move |_: http::Request<Body>| {
            let (begun, opened) = (begun.clone(), std::sync::Arc::clone(&opened));
            async move {
                begun.send(()).await.unwrap();
                opened.acquire().await.unwrap().forget();
                Ok::<_, std::convert::Infallible>(http::Response::new(Body::from("paid")))
            }
        });
        let layer = with_idempotency(policy);
        let tasks = layer.inner().tasks();
        let service = layer.layer(handler);
        let answer = tokio::spawn(service.clone().oneshot(pay("a")));
        has_begun.recv().await.unwrap();
        server.kill();
        gate.add_permits(1);
        let answer = timeout(Duration::from_secs(5), answer).await.unwrap();
        assert_eq!(common::read(answer.unwrap().unwrap()).await.body(), "paid");
        if restarts {
            server.restart();
        }
        timeout(Duration::from_secs(20), tasks.wait_idle())
            .await
            .unwrap();
        if restarts {
            let again = send(&service, pay("a")).await;
            assert_eq!((is_replay(&again), &**again.body()), (true, &b"paid"[..]));
        }
    }
}

#[tokio::test]
async fn a_request_in_progress_takes_its_key_again_after_a_restart() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let policy = policy(&server).lease(Duration::from_secs(1)).unwrap();
    let payments = Payments::default();
    let inner = payments.handler(0);
    let handler = service_fn(move |request: http::Request<Body>| {
        let inner = inner.clone();
        async move {
            sleep(Duration::from_secs(2)).await;
            inner.oneshot(request).await
        }
    });
    let service = with_idempotency(policy).layer(handler);
    let first = tokio::spawn(service.clone().oneshot(pay("a")));
    sleep(Duration::from_millis(100)).await;
    server.restart();
    sleep(Duration::from_millis(900)).await;
    assert_eq!(
        send(&service, pay("a")).await.status(),
        StatusCode::CONFLICT
    );
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::CREATED);
    assert!(is_replay(&send(&service, pay("a")).await));
    assert_eq!(payments.begun.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_server_that_is_full_rejects_new_keys() {
    let options = ["--maxmemory", "1", "--maxmemory-policy", "noeviction"];
    let Some(server) = Server::with(&options) else {
        return;
    };
    let payments = Payments::default();
    let service = with_idempotency(policy(&server)).layer(payments.handler(1));
    let full = send(&service, pay("a")).await;
    common::problem(&full, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(payments.count(), 0);
}

#[tokio::test]
async fn neither_keys_nor_clients_can_be_read_in_the_server() {
    let Some(server) = Server::start() else {
        return;
    };
    let store = store(&server).prefix("shop:payments").unwrap();
    let policy = Idempotency::stored(store).dangerously_shared();
    let service = with_idempotency(policy).layer(Payments::default().handler(1));
    send(&service, pay("my-key")).await;
    let keys = server.keys();
    assert_eq!(keys.len(), 1);
    assert!(
        keys[0].starts_with("shop:payments:") && keys[0].len() == 14 + 43,
        "{keys:?}"
    );
    let left: u64 = server.ask(&format!("PTTL {}", keys[0]));
    assert!((86_300_000..=86_400_000).contains(&left));
}

#[test]
fn a_store_that_can_not_work_is_an_error() {
    RedisAnswers::open("http://localhost").unwrap_err();
    let open = || RedisAnswers::open("redis://localhost").unwrap();
    open().prefix("").unwrap_err();
    open().prefix("a{b}").unwrap_err();
    open().timeout(Duration::ZERO).unwrap_err();
}
