//! What the deadline ends, and what goes on.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    ConcurrencyLimit, Idempotency, Timeout, compose, with_concurrency_limit, with_idempotency,
    with_timeout,
};

use super::seconds;
use crate::common;

type Body = Full<Bytes>;

fn request() -> Request<Body> {
    Request::new(Body::default())
}

/// Tells when it is dropped.
struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn the_work_is_dropped_before_the_answer() {
    let dropped = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&dropped);
    let handler = service_fn(move |_: Request<Body>| {
        let guard = Guard(Arc::clone(&seen));
        async move {
            let _guard = guard;
            sleep(seconds(100)).await;
            Ok::<_, Infallible>(Response::new(Body::from("done")))
        }
    });
    let service = with_timeout(Timeout::after(seconds(5)).unwrap()).layer(handler);
    let mut future = Box::pin(service.oneshot(request()));
    let response = future.as_mut().await.unwrap();
    // The future of the response is still there.
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// In real time: time that is paused stands still while a task is ready.
#[tokio::test]
async fn ends_a_handler_that_uses_up_the_budget() {
    let handler = service_fn(|_: Request<Body>| async {
        common::busy().await;
        Ok::<_, Infallible>(Response::new(Body::from("done")))
    });
    let limit = Timeout::after(Duration::from_millis(50)).unwrap();
    let answer = with_timeout(limit).layer(handler).oneshot(request());
    let answer = timeout(seconds(5), answer).await;
    let response = answer.expect("the deadline has passed").unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn frees_the_permit_of_a_concurrency_limit_in_either_order() {
    let slow = || {
        service_fn(|_: Request<Body>| async {
            sleep(seconds(100)).await;
            Ok::<_, Infallible>(Response::new(Body::from("done")))
        })
    };
    let timeout = || with_timeout(Timeout::after(seconds(5)).unwrap());
    let limit = || {
        let one = ConcurrencyLimit::of(1).unwrap();
        with_concurrency_limit(one.queue(1, seconds(60)).unwrap())
    };
    macro_rules! both {
        ($service:expr) => {{
            let service = $service;
            let start = Instant::now();
            let ask = || {
                let call = service.clone().oneshot(request());
                async move {
                    let status = call.await.unwrap().status();
                    (status.as_u16(), start.elapsed().as_secs())
                }
            };
            let (first, second) = tokio::join!(ask(), ask());
            (first, second, ask().await)
        }};
    }
    // Outside, the wait for the permit counts: both end at once.
    let outside = both!(compose((timeout(), limit())).service(slow()));
    assert_eq!(outside, ((503, 5), (503, 5), (503, 10)));
    // Inside, the second one gets the permit of the first, and then its own five seconds.
    let inside = both!(compose((limit(), timeout())).service(slow()));
    assert_eq!(inside, ((503, 5), (503, 10), (503, 15)));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_gives_up_its_place_in_the_queue_leaves_it_to_the_next() {
    let slow = service_fn(|request: Request<Body>| async move {
        let time = request.headers()["takes"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        sleep(seconds(time)).await;
        Ok::<_, Infallible>(Response::new(Body::from("done")))
    });
    let limit = ConcurrencyLimit::of(1)
        .unwrap()
        .queue(1, seconds(60))
        .unwrap();
    let stack = compose((
        with_timeout(Timeout::after(seconds(5)).unwrap()),
        with_concurrency_limit(limit),
    ));
    let service = stack.service(slow);
    let ask = |time: &'static str| {
        let request = Request::builder()
            .header("takes", time)
            .body(Body::default());
        service.clone().oneshot(request.unwrap())
    };
    // The first takes all of the time of the second, which waits for it.
    let (first, second) = tokio::join!(ask("100"), async {
        sleep(seconds(1)).await;
        ask("1").await
    });
    assert_eq!(first.unwrap().status(), 503);
    assert_eq!(second.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn the_work_of_an_idempotent_request_goes_on_and_its_answer_is_kept() {
    let done = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&done);
    let pay = service_fn(move |_: Request<Body>| {
        let counted = Arc::clone(&counted);
        async move {
            sleep(seconds(8)).await;
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            Ok::<_, Infallible>(Response::new(Body::from(format!("payment {number}"))))
        }
    });
    let stack = compose((
        with_timeout(Timeout::after(seconds(5)).unwrap()),
        with_idempotency(Idempotency::in_memory().dangerously_shared()),
    ));
    let service = stack.service(pay);
    let ask = || {
        let request = Request::post("/").header("idempotency-key", "\"order-7\"");
        service
            .clone()
            .oneshot(request.body(Body::default()).unwrap())
    };
    assert_eq!(ask().await.unwrap().status(), 503);
    assert_eq!(done.load(Ordering::SeqCst), 0);
    sleep(seconds(4)).await;
    assert_eq!(done.load(Ordering::SeqCst), 1);
    let again = common::read(ask().await.unwrap()).await;
    assert_eq!(
        (again.status().as_u16(), &again.body()[..]),
        (200, &b"payment 1"[..])
    );
    assert_eq!(done.load(Ordering::SeqCst), 1);
}
