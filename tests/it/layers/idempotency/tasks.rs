//! The tasks of requests: how many there are, how long they take, and how they end.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};
use wythe::{
    BoxError, Idempotency, Later,
    idempotency::{Acquired, Claim, IdempotencyStore, MemoryAnswers},
    with_idempotency,
};

use super::{Payments, in_memory, is_replay, pay, send};
use crate::common::{self, Body};

/// A handler that takes this long.
fn slow(time: Duration) -> super::Handler {
    tower::util::BoxCloneSyncService::new(service_fn(move |_: Request<Body>| async move {
        sleep(time).await;
        Ok(Response::new(Body::from("paid")))
    }))
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_are_rejected_before_their_keys_are_acquired() {
    let policy = in_memory().max_tasks(1).unwrap();
    let layer = with_idempotency(policy);
    let tasks = layer.inner().tasks();
    let service = layer.layer(slow(Duration::from_secs(10)));
    let first = tokio::spawn(service.clone().oneshot(pay("a")));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(tasks.running(), 1);
    let second = send(&service, pay("b")).await;
    common::problem(&second, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.headers()["retry-after"], "1");
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    let second = send(&service, pay("b")).await;
    assert_eq!(second.status(), 200);
    assert!(!is_replay(&second));
}

#[tokio::test(start_paused = true)]
async fn a_second_request_is_rejected_while_the_first_is_in_progress() {
    let service = with_idempotency(in_memory()).layer(slow(Duration::from_secs(10)));
    let first = tokio::spawn(service.clone().oneshot(pay("a")));
    sleep(Duration::from_secs(1)).await;
    let second = send(&service, pay("a")).await;
    common::problem(&second, StatusCode::CONFLICT);
    assert_eq!(second.headers()["retry-after"], "1");
    let other = send(&service, super::request("/payments", "a", "amount=2")).await;
    common::problem(&other, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    assert!(is_replay(&send(&service, pay("a")).await));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_frees_its_key() {
    let policy = in_memory().time_limit(Duration::from_secs(5)).unwrap();
    let layer = with_idempotency(policy);
    let tasks = layer.inner().tasks();
    let service = layer.layer(slow(Duration::from_secs(6)));
    for _ in 0..2 {
        let late = send(&service, pay("a")).await;
        common::problem(&late, StatusCode::GATEWAY_TIMEOUT);
    }
    assert_eq!(tasks.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_outer_timeout_ends_the_wait_and_not_the_work() {
    let service = with_idempotency(in_memory()).layer(slow(Duration::from_secs(10)));
    let answer = service.clone().oneshot(pay("a"));
    let waited = tokio::time::timeout(Duration::from_secs(1), answer).await;
    waited.unwrap_err();
    sleep(Duration::from_secs(10)).await;
    let again = send(&service, pay("a")).await;
    assert_eq!(again.body(), "paid");
    assert!(is_replay(&again));
}

#[tokio::test]
async fn a_panic_reaches_the_client_and_frees_the_key() {
    let calls = Arc::<AtomicU32>::default();
    let counted = Arc::clone(&calls);
    let handler = service_fn(move |_: Request<Body>| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::task::yield_now().await;
            assert!(call > 0, "the handler panics");
            Ok::<_, Infallible>(Response::new(Body::from("paid")))
        }
    });
    let layer = with_idempotency(in_memory());
    let tasks = layer.inner().tasks();
    let service = layer.layer(handler);
    let panicking = AssertUnwindSafe(service.clone().oneshot(pay("a"))).catch_unwind();
    let panic = panicking.await.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the handler panics"));
    assert_eq!(send(&service, pay("a")).await.body(), "paid");
    assert_eq!(tasks.running(), 0);
}

#[cfg(feature = "presentation")]
#[tokio::test]
async fn a_panic_is_presented() {
    let handler = service_fn(|_: Request<Body>| async {
        if true {
            panic!("the handler panics");
        }
        Ok::<_, Infallible>(Response::new(Body::default()))
    });
    let service = wythe::with_presentation().layer(with_idempotency(in_memory()).layer(handler));
    let answer = send(&service, pay("a")).await;
    common::problem(&answer, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn an_error_of_the_service_reaches_the_client_and_frees_the_key() {
    let service = with_idempotency(in_memory()).layer(service_fn(|_: Request<Body>| async {
        Err::<Response<Body>, _>("broken")
    }));
    for _ in 0..2 {
        let error = service.clone().oneshot(pay("a")).await.unwrap_err();
        assert_eq!(error, "broken");
    }
}

#[tokio::test]
async fn a_response_whose_body_breaks_is_an_error_and_frees_the_key() {
    use http_body::Frame;
    use http_body_util::StreamBody;

    /// It says how long it is.
    struct Sized(
        StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, BoxError>>>>,
    );

    impl http_body::Body for Sized {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            std::pin::Pin::new(&mut self.0).poll_frame(cx)
        }

        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(9)
        }
    }

    let service = with_idempotency(in_memory()).layer(service_fn(|_: Request<Body>| async {
        let frames = vec![Ok(Frame::data(Bytes::from("half"))), Err("broken".into())];
        let body = Sized(StreamBody::new(futures_util::stream::iter(frames)));
        Ok::<_, Infallible>(Response::new(wythe::Body::stream(body)))
    }));
    for _ in 0..2 {
        let answer = service.clone().oneshot(pay("a")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}

/// Counts what it is asked, and fails when it is told to.
#[derive(Clone, Default)]
struct Watched {
    inner: MemoryAnswers,
    renewals: Arc<AtomicU32>,
    /// How many calls of `complete` fail.
    failing: Arc<AtomicU32>,
    down: Arc<AtomicU32>,
}

impl IdempotencyStore for Watched {
    fn acquire(&self, claim: &Claim, lease: Duration) -> Later<Result<Acquired, BoxError>> {
        if self.down.load(Ordering::SeqCst) > 0 {
            return Later::pending(async { Err("down".into()) });
        }
        self.inner.acquire(claim, lease)
    }

    fn renew(&self, claim: &Claim, lease: Duration) -> Later<Result<bool, BoxError>> {
        self.renewals.fetch_add(1, Ordering::SeqCst);
        self.inner.renew(claim, lease)
    }

    fn complete(
        &self,
        claim: &Claim,
        answer: Bytes,
        time: Duration,
    ) -> Later<Result<bool, BoxError>> {
        let less = |left: u32| left.checked_sub(1);
        let failing = self
            .failing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        if failing.is_ok() {
            return Later::pending(async { Err("down".into()) });
        }
        self.inner.complete(claim, answer, time)
    }

    fn release(&self, claim: &Claim) -> Later<Result<bool, BoxError>> {
        self.inner.release(claim)
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_renewed_while_the_handler_runs() {
    let store = Watched::default();
    let policy = Idempotency::stored(store.clone()).dangerously_shared();
    let policy = policy.lease(Duration::from_secs(3)).unwrap();
    let service = with_idempotency(policy).layer(slow(Duration::from_millis(10_500)));
    send(&service, pay("a")).await;
    assert_eq!(store.renewals.load(Ordering::SeqCst), 10);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(store.renewals.load(Ordering::SeqCst), 10);
}

/// In real time: time that is paused stands still while a task is ready.
#[tokio::test]
async fn a_handler_that_uses_up_the_budget_keeps_its_key_and_ends_in_time() {
    let store = Watched::default();
    let policy = Idempotency::stored(store.clone()).dangerously_shared();
    let policy = policy.lease(Duration::from_secs(1)).unwrap();
    let policy = policy.time_limit(Duration::from_millis(600)).unwrap();
    let service = with_idempotency(policy).layer(service_fn(|_: Request<Body>| async {
        common::busy().await;
        Ok::<_, Infallible>(Response::new(Body::default()))
    }));
    let answer = tokio::time::timeout(Duration::from_secs(5), service.oneshot(pay("a"))).await;
    let late = answer.expect("the time limit has passed").unwrap();
    assert_eq!(late.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(store.renewals.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_lease_and_a_time_limit_may_have_no_end() {
    let payments = Payments::default();
    let policy = in_memory().lease(Duration::MAX).unwrap();
    let policy = policy.time_limit(Duration::MAX).unwrap();
    let policy = policy.keep_for(Duration::MAX).unwrap();
    let service = with_idempotency(policy).layer(payments.handler(1));
    for replayed in [false, true] {
        let response = send(&service, pay("a")).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        let is_replayed = response.headers().contains_key("idempotent-replayed");
        assert_eq!(is_replayed, replayed);
    }
    assert_eq!(payments.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_after_the_work_does_not_keep_the_client_waiting() {
    let store = Watched::default();
    store.failing.store(3, Ordering::SeqCst);
    let payments = Payments::default();
    let policy = Idempotency::stored(store.clone()).dangerously_shared();
    let layer = with_idempotency(policy);
    let tasks = layer.inner().tasks();
    let service = layer.layer(payments.handler(1));
    let began = tokio::time::Instant::now();
    assert_eq!(send(&service, pay("a")).await.body(), "payment 1");
    assert_eq!(began.elapsed(), Duration::ZERO);
    // Until the answer is stored, the request is in progress.
    assert_eq!(tasks.running(), 1);
    assert_eq!(
        send(&service, pay("a")).await.status(),
        StatusCode::CONFLICT
    );
    tasks.wait_idle().await;
    assert!(is_replay(&send(&service, pay("a")).await));
    assert_eq!(payments.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_down_ends_the_task_with_the_lease() {
    let store = Watched::default();
    store.failing.store(u32::MAX, Ordering::SeqCst);
    let payments = Payments::default();
    let layer = with_idempotency(Idempotency::stored(store).dangerously_shared());
    let tasks = layer.inner().tasks();
    let service = layer.layer(payments.handler(1));
    let began = tokio::time::Instant::now();
    send(&service, pay("a")).await;
    tasks.wait_idle().await;
    assert!((30..37).contains(&began.elapsed().as_secs()));
}

#[tokio::test]
async fn a_store_that_is_down_is_a_503_before_the_handler_runs() {
    let store = Watched::default();
    store.down.store(1, Ordering::SeqCst);
    let payments = Payments::default();
    let policy = Idempotency::stored(store.clone()).dangerously_shared();
    let service = with_idempotency(policy).layer(payments.handler(1));
    let down = send(&service, pay("a")).await;
    common::problem(&down, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(payments.count(), 0);
    store.down.store(0, Ordering::SeqCst);
    assert_eq!(send(&service, pay("a")).await.body(), "payment 1");
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn the_span_of_the_request_is_that_of_the_task() {
    use std::sync::OnceLock;
    use tracing::{
        Event, Instrument, Metadata, Subscriber,
        span::{Attributes, Id, Record},
    };
    use tracing_core::span::Current;

    /// Knows one span, and whether it is entered.
    #[derive(Clone, Default)]
    struct OneSpan(Arc<(OnceLock<&'static Metadata<'static>>, AtomicU32)>);

    impl Subscriber for OneSpan {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.name() == "request"
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.0.0.get_or_init(|| span.metadata());
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {}

        fn enter(&self, _: &Id) {
            self.0.1.fetch_add(1, Ordering::SeqCst);
        }

        fn exit(&self, _: &Id) {
            self.0.1.fetch_sub(1, Ordering::SeqCst);
        }

        fn current_span(&self) -> Current {
            match self.0.0.get() {
                Some(metadata) if self.0.1.load(Ordering::SeqCst) > 0 => {
                    Current::new(Id::from_u64(1), metadata)
                }
                _ => Current::none(),
            }
        }
    }

    let spans = OneSpan::default();
    let _guard = common::log::listen(spans.clone());
    let service = with_idempotency(in_memory()).layer(service_fn(move |_: Request<Body>| {
        let is_entered = spans.0.1.load(Ordering::SeqCst) > 0;
        async move {
            let body = Body::from(if is_entered { "inside" } else { "outside" });
            Ok::<_, Infallible>(Response::new(body))
        }
    }));
    let span = tracing::info_span!("request");
    let answer = send(&service, pay("a")).instrument(span).await;
    assert_eq!(answer.body(), "inside");
    assert_eq!(send(&service, pay("b")).await.body(), "outside");
}
