//! Waiting requests: how many, how long, in which order, and what becomes of them.

use std::{future::ready, time::Duration};

use http::{Request, Response, StatusCode};
use tokio::time::{Instant, advance};
use tower::{Layer, Service, util::MapResponseLayer};
use tower_layer::Stack;
use wythe::{
    ConcurrencyLimit, Placed, concurrency_limit::ConcurrencyLimiter, key::Key,
    with_concurrency_limit,
};

use super::{Answer, ask, counts, has_room, poll, send};
use crate::{
    common::{Body, empty, problem, read},
    contract::disconnects::survives_disconnects,
};

const WAIT: Duration = Duration::from_secs(2);

fn queue(
    max: usize,
    waiting: usize,
) -> Placed<ConcurrencyLimiter<wythe::concurrency_limit::Overall>> {
    let limit = ConcurrencyLimit::of(max).unwrap();
    with_concurrency_limit(limit.queue(waiting, WAIT).unwrap())
}

/// A request that waits in the queue.
macro_rules! waits {
    ($layer:expr) => {{
        let mut future = send(&$layer, request());
        assert!(poll(future.as_mut()).is_pending(), "it does not wait");
        future
    }};
}

/// The status of a request that has waited.
macro_rules! status {
    ($future:expr) => {
        match poll($future.as_mut()) {
            std::task::Poll::Ready(Ok(answer)) => Some(answer),
            std::task::Poll::Pending => None,
        }
    };
}

fn request() -> Request<Body> {
    Request::new(empty())
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_is_admitted_when_a_place_is_free() {
    let layer = queue(1, 1);
    let held = ask(&layer);
    let mut waiting = waits!(layer);
    assert_eq!(counts(&layer), (1, 1));
    advance(WAIT / 2).await;
    assert!(status!(waiting).is_none());
    drop(held);
    let answer = status!(waiting).unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(counts(&layer), (1, 0));
    drop(answer);
    assert_eq!(counts(&layer), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_is_woken() {
    let layer = queue(1, 10);
    let held = ask(&layer);
    let waiting: Vec<_> = (0..10)
        .map(|_| tokio::spawn(send(&layer, request())))
        .collect();
    tokio::task::yield_now().await;
    assert_eq!(counts(&layer), (1, 10));
    drop(held);
    for task in waiting {
        let Ok(answer) = task.await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(counts(&layer), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn waiting_requests_are_admitted_in_order_of_arrival() {
    let layer = queue(2, 5);
    let mut held = vec![ask(&layer), ask(&layer)];
    let mut line: Vec<_> = (0..5).map(|_| waits!(layer)).collect();
    while !line.is_empty() {
        drop(held.pop());
        for later in &mut line[1..] {
            assert!(status!(later).is_none(), "a later one overtakes");
        }
        held.push(status!(line[0]).unwrap());
        drop(line.remove(0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_request_does_not_overtake_a_waiting_one() {
    let layer = queue(1, 1);
    let held = ask(&layer);
    let mut waiting = waits!(layer);
    drop(held);
    // The place belongs to the waiting request, although it has not been polled since.
    assert!(!has_room(&layer));
    assert_eq!(status!(waiting).unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn rejects_a_request_immediately_if_the_queue_is_full() {
    let layer = queue(1, 2);
    let _held = ask(&layer);
    let first = waits!(layer);
    let _second = waits!(layer);
    assert_eq!(counts(&layer), (1, 2));
    let refused = read(ask(&layer)).await;
    problem(&refused, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(counts(&layer), (1, 2));
    // One leaves, so another may wait.
    drop(first);
    assert_eq!(counts(&layer), (1, 1));
    let _third = waits!(layer);
    assert!(!has_room(&layer));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_is_rejected_at_its_deadline_and_not_before() {
    let layer = queue(1, 1);
    let held = ask(&layer);
    let started = Instant::now();
    let Ok(refused) = send(&layer, request()).await;
    assert_eq!(started.elapsed(), WAIT);
    assert_eq!(refused.headers()["retry-after"], "1");
    problem(&read(refused).await, StatusCode::SERVICE_UNAVAILABLE);
    // It no longer waits, and took nothing.
    assert_eq!(counts(&layer), (1, 0));
    drop(held);
    assert!(has_room(&layer));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_head_after_a_wait_has_no_body() {
    let layer = queue(1, 1);
    let _held = ask(&layer);
    let Ok(refused) = send(&layer, Request::head("/").body(empty()).unwrap()).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(read(refused).await.body().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_place_that_becomes_free_at_the_deadline_is_taken() {
    let layer = queue(1, 1);
    let held = ask(&layer);
    let mut waiting = waits!(layer);
    advance(WAIT * 2).await;
    drop(held);
    assert_eq!(status!(waiting).unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_request_leaves_the_queue_immediately() {
    let layer = queue(1, 3);
    let held = ask(&layer);
    let unpolled = send(&layer, request());
    assert_eq!(
        counts(&layer),
        (1, 1),
        "its place is taken before it is polled"
    );
    let first = waits!(layer);
    let mut second = waits!(layer);
    drop((unpolled, first));
    assert_eq!(counts(&layer), (1, 1));
    drop(held);
    assert_eq!(status!(second).unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_request_cancelled_when_it_is_next_passes_the_place_on() {
    let layer = queue(1, 2);
    let held = ask(&layer);
    let first = waits!(layer);
    let mut second = waits!(layer);
    drop(held);
    drop(first);
    assert_eq!(counts(&layer), (1, 1));
    assert_eq!(status!(second).unwrap().status(), StatusCode::OK);

    let held = ask(&layer);
    let alone = waits!(layer);
    drop(held);
    drop(alone);
    assert_eq!(counts(&layer), (0, 0));
    assert!(has_room(&layer));
}

#[tokio::test(start_paused = true)]
async fn each_key_has_its_own_queue_which_is_dropped_with_it() {
    fn with(key: u32) -> Request<Body> {
        let mut request = request();
        request.extensions_mut().insert(key);
        request
    }
    fn wait<K: Key>(
        layer: &Placed<ConcurrencyLimiter<K>>,
        key: u32,
    ) -> impl Future + use<K> + Unpin {
        let mut future = send(layer, with(key));
        assert!(poll(future.as_mut()).is_pending());
        future
    }
    let limit = ConcurrencyLimit::of(1).unwrap().queue(1, WAIT).unwrap();
    let layer = with_concurrency_limit(limit.by(|head| head.extensions().get::<u32>().copied()));
    let held: Vec<_> = (0..3)
        .map(|key| super::now(send(&layer, with(key))).unwrap())
        .collect();
    let waiting: Vec<_> = (0..3).map(|key| wait(&layer, key)).collect();
    let Ok(refused) = super::now(send(&layer, with(0)));
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((counts(&layer), layer.inner().keys()), ((3, 3), 3));
    drop(held);
    // Waiting requests keep their keys: they are next.
    assert_eq!(layer.inner().keys(), 3);
    drop(waiting);
    assert_eq!((counts(&layer), layer.inner().keys()), ((0, 0), 0));
}

#[tokio::test(start_paused = true)]
async fn after_a_wait_the_service_that_was_made_ready_is_called() {
    /// A clone is not ready, and being ready allows one call.
    struct Strict(bool);
    impl Clone for Strict {
        fn clone(&self) -> Self {
            Self(false)
        }
    }
    impl Service<Request<Body>> for Strict {
        type Response = Response<Body>;
        type Error = std::convert::Infallible;
        type Future = std::future::Ready<Result<Response<Body>, Self::Error>>;
        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Self::Error>> {
            self.0 = true;
            std::task::Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Request<Body>) -> Self::Future {
            assert!(std::mem::take(&mut self.0), "called without being ready");
            ready(Ok(Response::new(Body::from("ok"))))
        }
    }
    let layer = queue(1, 1);
    let held = ask(&layer);
    let mut service = layer.layer(Strict(false));
    std::future::poll_fn(|context| service.poll_ready(context))
        .await
        .unwrap();
    let mut waiting = Box::pin(service.call(request()));
    assert!(poll(waiting.as_mut()).is_pending());
    drop(held);
    assert_eq!(waiting.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn every_place_is_free_again_whenever_a_client_disconnects() {
    let make = || {
        let layer = queue(1, 1);
        let kept = layer.clone();
        let check = async move |_| assert_eq!(counts(&kept), (0, 0));
        // The contract's body again: by then the request has ended.
        let ended = |answer: Answer| answer.map(|_| empty());
        (Stack::new(layer, MapResponseLayer::new(ended)), check)
    };
    survives_disconnects(make, request).await;
}
