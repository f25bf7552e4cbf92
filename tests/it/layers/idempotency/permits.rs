//! The permit of a limit further out, which the task of a request holds.
#![cfg(feature = "concurrency-limit")]

use std::{future::poll_fn, task::Poll, time::Duration};

use tower::{Layer, ServiceExt};
use wythe::{ConcurrencyLimit, with_concurrency_limit, with_idempotency};

use super::{Payments, in_memory, pay};

#[tokio::test]
async fn a_request_counts_as_in_progress_until_its_task_has_ended() {
    let limit = with_concurrency_limit(ConcurrencyLimit::of(1).unwrap());
    let limiter = limit.inner().clone();
    let layer = with_idempotency(in_memory());
    let tasks = layer.inner().tasks();
    let payments = Payments::default();
    let service = limit.layer(layer.layer(payments.handler(5)));

    let mut request = Box::pin(service.clone().oneshot(pay("a")));
    let polled = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await;
    assert!(polled.is_pending());
    drop(request);
    assert_eq!((limiter.in_progress(), tasks.running()), (1, 1));
    let other = service.clone().oneshot(pay("b")).await.unwrap();
    assert_eq!(other.status(), 503);

    tokio::time::timeout(Duration::from_secs(20), tasks.wait_idle())
        .await
        .unwrap();
    assert_eq!(limiter.in_progress(), 0);
    assert_eq!(payments.count(), 1);

    // The body of the response holds it as well.
    let response = service.clone().oneshot(pay("c")).await.unwrap();
    tasks.wait_idle().await;
    assert_eq!(limiter.in_progress(), 1);
    drop(response);
    assert_eq!(limiter.in_progress(), 0);
}

#[tokio::test]
async fn requests_without_a_key_are_counted_as_ever() {
    let limit = with_concurrency_limit(ConcurrencyLimit::of(1).unwrap());
    let limiter = limit.inner().clone();
    let payments = Payments::default();
    let service = limit.layer(with_idempotency(in_memory()).layer(payments.handler(5)));
    let mut without = pay("a");
    without.headers_mut().remove("idempotency-key");
    let answer = service.clone();
    let answer = async move { answer.oneshot(without).await.unwrap() };
    drop(tokio::time::timeout(Duration::ZERO, answer).await);
    assert_eq!(limiter.in_progress(), 0);
}
