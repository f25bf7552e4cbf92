//! `with_load_shed`: rejects a request if the inner service is not ready.

use std::{
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tower::{Layer, Service, ServiceExt, limit::GlobalConcurrencyLimitLayer};
use wythe::{Place, with_load_shed};

use crate::common::{self, Body, empty, problem, read};

/// A service that is ready while the test says so, and panics if it is called when it is not.
#[derive(Debug, Default)]
struct ManuallyReady {
    busy: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    ready: bool,
}

impl Clone for ManuallyReady {
    fn clone(&self) -> Self {
        Self {
            busy: Arc::clone(&self.busy),
            asked: Arc::clone(&self.asked),
            ready: false,
        }
    }
}

impl Service<Request<Body>> for ManuallyReady {
    type Response = Response<Body>;
    type Error = &'static str;
    type Future = Ready<Result<Response<Body>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.busy.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        ready(Ok(Response::new(Body::from("ok"))))
    }
}

fn request() -> Request<Body> {
    Request::new(empty())
}

#[tokio::test]
async fn calls_a_service_that_is_ready_and_rejects_requests_for_one_that_is_not() {
    let service = ManuallyReady::default();
    let busy = Arc::clone(&service.busy);
    let mut service = with_load_shed().layer(service);
    for expected in [200, 503, 503, 200, 200] {
        busy.store(expected == 503, Ordering::SeqCst);
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        let response = service.call(request()).await.unwrap();
        assert_eq!(response.status(), expected);
        let response = service.clone().oneshot(request()).await.unwrap();
        assert_eq!(response.status(), expected, "of a clone");
    }
}

#[tokio::test]
async fn being_ready_allows_one_call_and_does_not_extend_to_a_clone() {
    let mut service = with_load_shed().layer(ManuallyReady::default());
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    // A caller that does not poll readiness is rejected, and the inner service is not called.
    let of_clone = service.clone().call(request()).await.unwrap();
    assert_eq!(of_clone.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        service.call(request()).await.unwrap().status(),
        StatusCode::OK
    );
    let second = service.call(request()).await.unwrap();
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_refusal_says_when_to_retry() {
    let service = ManuallyReady::default();
    service.busy.store(true, Ordering::SeqCst);
    let cases = [
        (with_load_shed(), "1"),
        (with_load_shed().retry_after(Duration::ZERO), "1"),
        (
            with_load_shed().retry_after(Duration::from_millis(1_001)),
            "2",
        ),
    ];
    for (layer, seconds) in cases {
        let service = layer.layer(service.clone());
        let get = service.clone().oneshot(request()).await.unwrap();
        let get = read(get).await;
        let json = problem(&get, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            json["type"],
            "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
        );
        assert_eq!(get.headers()["retry-after"], seconds);

        let head = Request::head("/").body(empty()).unwrap();
        let head = read(service.oneshot(head).await.unwrap()).await;
        assert_eq!(head.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(head.body().is_empty());
        assert_eq!(
            head.headers()["content-length"],
            get.body().len().to_string()
        );
    }
}

#[tokio::test]
async fn an_error_of_the_inner_service_is_passed_on() {
    #[derive(Clone)]
    struct Broken;
    impl Service<Request<Body>> for Broken {
        type Response = Response<Body>;
        type Error = &'static str;
        type Future = Ready<Result<Response<Body>, &'static str>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(Err("broken"))
        }
        fn call(&mut self, _: Request<Body>) -> Self::Future {
            panic!("called without being ready")
        }
    }
    let error = with_load_shed().layer(Broken).oneshot(request()).await;
    assert_eq!(error.unwrap_err(), "broken");
}

#[tokio::test]
async fn a_rejected_request_keeps_no_permit() {
    let permits = Arc::new(Semaphore::new(1));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
    let mut service = with_load_shed().layer(limit.layer(common::Ok200));
    let held = permits.acquire().await.unwrap();
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let refused = service.call(request()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    // The service is idle but alive, and the permit is free for others.
    assert_eq!(permits.available_permits(), 1);
    let other = with_load_shed().layer(limit.layer(common::Ok200));
    assert_eq!(
        other.oneshot(request()).await.unwrap().status(),
        StatusCode::OK
    );
    drop(service);
}

#[tokio::test]
async fn rejects_requests_if_a_buffer_is_full() {
    let (release, released) = tokio::sync::watch::channel(false);
    let slow = tower::service_fn(move |_: Request<Body>| {
        let mut released = released.clone();
        async move {
            released.wait_for(|released| *released).await.unwrap();
            Ok::<_, Infallible>(Response::new(Body::from("ok")))
        }
    });
    // One request in the limit, one taken from the buffer, one in the buffer.
    let slow = tower::limit::ConcurrencyLimit::new(slow, 1);
    let service = with_load_shed().layer(tower::buffer::Buffer::new(slow, 1));
    let mut taken = Vec::new();
    loop {
        let mut service = service.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        let mut call = Box::pin(service.call(request()));
        tokio::task::yield_now().await;
        match poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await {
            Poll::Pending => taken.push(tokio::spawn(call)),
            Poll::Ready(refused) => {
                assert_eq!(refused.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
                break;
            }
        }
        assert!(taken.len() < 10, "nothing is refused");
    }
    release.send(true).unwrap();
    for call in taken {
        assert_eq!(call.await.unwrap().unwrap().status(), StatusCode::OK);
    }
}

#[test]
fn a_layer_describes_its_stage_and_its_refusals() {
    let description = with_load_shed().describe();
    assert_eq!(description.name(), "with_load_shed");
    let answers: Vec<_> = description
        .answers()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(answers, ["503 when the service inside is not ready"]);
    assert_eq!(description.answers()[0].fields(), ["retry-after"]);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn sheds_requests_in_axum_that_an_inner_layer_would_delay() {
    use axum::{Router, routing::get};
    use wythe::{compose, layer, with_presentation};

    let permits = Arc::new(Semaphore::new(1));
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
    let stack = compose((with_presentation(), with_load_shed(), layer(limit)));
    let around_a_handler = Router::new().route("/", get(stack.handler(async || "hello")));
    let around_a_router = Router::new().route("/", get(async || "hello")).layer(stack);
    for app in [around_a_handler, around_a_router] {
        let ask = || app.clone().oneshot(Request::new(axum::body::Body::empty()));
        for _ in 0..2 {
            assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
            let held = permits.acquire().await.unwrap();
            let refused = read(ask().await.unwrap()).await;
            problem(&refused, StatusCode::SERVICE_UNAVAILABLE);
            drop(held);
        }
    }
}
