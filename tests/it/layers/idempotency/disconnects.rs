//! Clients that disconnect, and send the request again: there is one payment.

use std::{convert::Infallible, future::poll_fn, task::Poll, time::Duration};

use http::{Request, Response, StatusCode};
use tokio::time::timeout;
use tower::{Layer, Service, ServiceExt};
use wythe::{Idempotency, idempotency::IdempotencyStore, with_idempotency};

use super::{Payments, in_memory, pay, send};
use crate::common::{Body, read};

/// More polls than any request takes.
const MAX_POLLS: usize = 100;

/// Drops the future after each number of polls, and sends the request again until it is answered.
pub(super) async fn pays_once<S>(store: impl Fn() -> S)
where
    S: IdempotencyStore,
{
    for waits in [0, 1, 5] {
        for polls in 0.. {
            assert!(polls < MAX_POLLS, "it never ends");
            let payments = Payments::default();
            let policy = Idempotency::stored(store()).dangerously_shared();
            let layer = with_idempotency(policy);
            let tasks = layer.inner().tasks();
            let service = layer.layer(payments.handler(waits));
            let ended = poll_and_drop(service.clone(), polls).await;
            let answered = send_until_answered(&service).await;
            let case = format!("{waits} waits, dropped after {polls} polls");
            assert_eq!(answered.status(), StatusCode::CREATED, "{case}");
            timeout(Duration::from_secs(20), tasks.wait_idle())
                .await
                .expect(&case);
            assert_eq!(payments.count(), 1, "{case}");
            if ended {
                break;
            }
        }
    }
}

/// Whether the request was answered before.
async fn poll_and_drop<S>(service: S, polls: usize) -> bool
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let mut future = Box::pin(service.oneshot(pay("a")));
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn send_until_answered<S>(service: &S) -> Response<bytes::Bytes>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    for _ in 0..10_000 {
        let answer = read(service.clone().oneshot(pay("a")).await.unwrap()).await;
        if answer.status() != StatusCode::CONFLICT {
            return answer;
        }
        assert_eq!(answer.headers()["retry-after"], "1");
        tokio::task::yield_now().await;
    }
    panic!("in progress for ever")
}

#[tokio::test]
async fn a_client_that_disconnects_at_any_point_and_tries_again_pays_once() {
    pays_once(wythe::idempotency::MemoryAnswers::default).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_at_once_one_runs() {
    let payments = Payments::default();
    let service = with_idempotency(in_memory()).layer(payments.handler(50));
    let requests: Vec<_> = (0..200)
        .map(|_| {
            let service = service.clone();
            tokio::spawn(async move { send(&service, pay("a")).await.status() })
        })
        .collect();
    let mut created = 0;
    for request in requests {
        match request.await.unwrap() {
            StatusCode::CREATED => created += 1,
            other => assert_eq!(other, StatusCode::CONFLICT),
        }
    }
    assert!(created >= 1);
    assert_eq!(payments.count(), 1);
}
