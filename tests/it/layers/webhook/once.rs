//! Events that are handled once, with each store.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    num::NonZeroUsize,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{Layer, Service, ServiceExt};
use wythe::{
    ManualClock,
    webhook::{ClaimId, EventKey, EventState, MemoryWebhookStore, WebhookScheme, WebhookStore},
    with_webhook,
};

use super::{Event, NOW, at, signed, stripe};
use crate::common::{Body, problem, read};

const EVENT: &str = r#"{"id":"evt_1","amount":5}"#;

/// What a handler does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Status(u16),
    Panic,
    /// The client disconnects meanwhile.
    Wait,
}

/// Counts its calls, and does what it was told.
#[derive(Clone)]
struct Handler {
    calls: Arc<AtomicU32>,
    outcome: Outcome,
}

impl Service<Request<Body>> for Handler {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let Self { calls, outcome } = self.clone();
        Box::pin(async move {
            calls.fetch_add(1, Ordering::SeqCst);
            match outcome {
                Outcome::Status(status) => {
                    let mut response = Response::new(Body::from("by the handler"));
                    *response.status_mut() = StatusCode::from_u16(status).unwrap();
                    Ok(response)
                }
                Outcome::Panic => panic!("as requested"),
                Outcome::Wait => pending().await,
            }
        })
    }
}

/// Sends a request. `None` if it did not get a response.
async fn send<S: WebhookStore + Clone>(
    store: &S,
    request: Request<Body>,
    outcome: Outcome,
) -> (Option<Response<bytes::Bytes>>, u32) {
    let layer = with_webhook::<Event>(stripe()).once(store.clone());
    let calls = Arc::new(AtomicU32::new(0));
    let handler = Handler {
        calls: Arc::clone(&calls),
        outcome,
    };
    let mut future = Box::pin(layer.layer(handler).oneshot(request));
    let response = match outcome {
        Outcome::Status(_) => Some(future.await.unwrap()),
        // Polled until the handler was called and has paused or panicked.
        _ => {
            poll_fn(|cx| {
                let poll = AssertUnwindSafe(|| future.as_mut().poll(cx));
                match std::panic::catch_unwind(poll) {
                    Ok(Poll::Ready(response)) => Poll::Ready(Some(response.unwrap())),
                    Ok(Poll::Pending) if calls.load(Ordering::SeqCst) == 0 => Poll::Pending,
                    Ok(Poll::Pending) | Err(_) => Poll::Ready(None),
                }
            })
            .await
        }
    };
    let response = match response {
        Some(response) => Some(read(response).await),
        None => None,
    };
    (response, calls.load(Ordering::SeqCst))
}

/// Waits until a task in the background is done.
async fn settle<S: WebhookStore>(store: &S, event: EventKey, expected: EventState) {
    let claim = ClaimId::from_bytes([9; 16]);
    for _ in 0..500 {
        let state = store.begin(event, claim, Duration::from_secs(60)).await;
        let state = state.map_err(Into::into).unwrap();
        if state == EventState::New {
            store
                .release(event, claim)
                .await
                .map_err(Into::into)
                .unwrap();
        }
        if state == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the event did not become {expected:?}");
}

const fn key(byte: u8) -> EventKey {
    EventKey::from_bytes([byte; 32])
}

/// What every store does, and every layer with it. All events are new.
pub(super) async fn every_store<S: WebhookStore + Clone>(store: S) {
    claims(&store).await;
    outcomes(&store).await;
    duplicates(&store).await;
    disconnects(&store).await;
    settle(&store, key(1), EventState::Handled).await;
}

/// Only the claim of an event releases it, and a handled event stays handled.
async fn claims<S: WebhookStore>(store: &S) {
    enum Operation {
        Begin(u8, u8, EventState),
        Release(u8, u8),
        Complete(u8),
    }
    use Operation::{Begin, Complete, Release};

    let hour = Duration::from_secs(3_600);
    let claim = |byte| ClaimId::from_bytes([byte; 16]);
    let steps = [
        Begin(1, 1, EventState::New),
        Begin(1, 2, EventState::InProgress),
        Begin(2, 2, EventState::New),
        Release(1, 2),
        Begin(1, 2, EventState::InProgress),
        Release(1, 1),
        Begin(1, 2, EventState::New),
        // Whatever was in progress.
        Complete(1),
        Release(1, 2),
        Release(1, 1),
        Begin(1, 1, EventState::Handled),
        Complete(3),
        Begin(3, 1, EventState::Handled),
    ];
    for (number, step) in steps.into_iter().enumerate() {
        let done = match step {
            Begin(event, by, expected) => {
                let state = store.begin(key(event), claim(by), hour).await;
                state.map(|state| assert_eq!(state, expected, "step {number}"))
            }
            Release(event, by) => store.release(key(event), claim(by)).await,
            Complete(event) => store.complete(key(event), hour).await,
        };
        done.map_err(Into::into).unwrap();
    }
}

/// The answer to an event, once it is no longer in progress: a store that waits is told in the
/// background.
async fn send_again<S: WebhookStore + Clone>(
    store: &S,
    body: &str,
) -> (Response<bytes::Bytes>, u32) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let (response, calls) =
            send(store, signed(&stripe(), "", body), Outcome::Status(200)).await;
        let response = response.unwrap();
        if response.status() != StatusCode::CONFLICT {
            return (response, calls);
        }
        problem(&response, StatusCode::CONFLICT);
        assert_eq!(calls, 0);
        assert!(tokio::time::Instant::now() < deadline, "{body}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What the handler does, and how often it is called for the same event then.
async fn outcomes<S: WebhookStore + Clone>(store: &S) {
    let cases = [
        (Outcome::Status(200), 0),
        (Outcome::Status(202), 0),
        (Outcome::Status(299), 0),
        (Outcome::Status(300), 1),
        (Outcome::Status(400), 1),
        (Outcome::Status(500), 1),
        (Outcome::Panic, 1),
        (Outcome::Wait, 1),
    ];
    for (number, (outcome, expected)) in cases.into_iter().enumerate() {
        let body = format!(r#"{{"id":"evt_case_{number}"}}"#);
        let (_, calls) = send(store, signed(&stripe(), "", &body), outcome).await;
        assert_eq!(calls, 1, "{outcome:?}");
        let (response, calls) = send_again(store, &body).await;
        assert_eq!(response.status(), StatusCode::OK, "{outcome:?}");
        assert_eq!(calls, expected, "{outcome:?}");
        let by_layer = response.body() == r#"{"received":true}"#;
        assert_eq!(by_layer, calls == 0, "{outcome:?}");
    }
}

/// The same event while it is in progress, and many times at once.
async fn duplicates<S: WebhookStore + Clone>(store: &S) {
    let layer = with_webhook::<Event>(stripe()).once(store.clone());
    let calls = Arc::new(AtomicU32::new(0));
    let handler = |outcome| Handler {
        calls: Arc::clone(&calls),
        outcome,
    };
    let first = layer.layer(handler(Outcome::Wait));
    let mut first = Box::pin(first.oneshot(signed(&stripe(), "", EVENT)));
    poll_fn(|cx| {
        assert!(first.as_mut().poll(cx).is_pending());
        match calls.load(Ordering::SeqCst) {
            0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
    let (response, called) = send(store, signed(&stripe(), "", EVENT), Outcome::Status(200)).await;
    let json = problem(&response.unwrap(), StatusCode::CONFLICT);
    let detail = "This event is being handled. Send it again later.";
    assert_eq!(json["detail"], detail);
    assert_eq!(called, 0);
    drop(first);

    let requests = (0..50).map(|_| {
        let service = layer.layer(handler(Outcome::Status(200)));
        Box::pin(service.oneshot(signed(&stripe(), "", r#"{"id":"evt_at_once"}"#)))
    });
    let mut requests: Vec<_> = requests.collect();
    let mut responses = Vec::new();
    poll_fn(|cx| {
        requests.retain_mut(|request| match request.as_mut().poll(cx) {
            Poll::Ready(response) => {
                responses.push(response.unwrap().status().as_u16());
                false
            }
            Poll::Pending => true,
        });
        if requests.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    // The first one of above, and one of these.
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let expected = |status: &u16| [200, 409].contains(status);
    assert!(responses.iter().all(expected), "{responses:?}");
}

/// The client disconnects after each number of polls: then the event is new.
async fn disconnects<S: WebhookStore + Clone>(store: &S) {
    let layer = with_webhook::<Event>(stripe()).once(store.clone());
    for polls in 0..50 {
        let body = format!(r#"{{"id":"evt_drop_{polls}"}}"#);
        let handler = Handler {
            calls: Arc::default(),
            outcome: Outcome::Wait,
        };
        let mut future = Box::pin(layer.layer(handler).oneshot(signed(&stripe(), "", &body)));
        for _ in 0..polls {
            let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            tokio::task::yield_now().await;
        }
        drop(future);
        let (response, calls) = send_again(store, &body).await;
        assert_eq!((response.status(), calls), (StatusCode::OK, 1), "{polls}");
    }
}

#[tokio::test]
async fn in_memory() {
    every_store(MemoryWebhookStore::default()).await;
}

#[tokio::test]
async fn leases_and_records_expire() {
    let clock = ManualClock::new(at(NOW));
    let store = MemoryWebhookStore::default().clock(&clock);
    let [first, second] = [1, 2].map(|byte| ClaimId::from_bytes([byte; 16]));
    let minute = Duration::from_secs(60);
    assert_eq!(
        store.begin(key(1), first, minute).await,
        Ok(EventState::New)
    );
    clock.advance(Duration::from_secs(59));
    assert_eq!(
        store.begin(key(1), second, minute).await,
        Ok(EventState::InProgress)
    );
    // The process that held the lease was killed.
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        store.begin(key(1), second, minute).await,
        Ok(EventState::New)
    );
    // Or it was only slow: its late release changes nothing.
    store.release(key(1), first).await.unwrap();
    assert_eq!(
        store.begin(key(1), first, minute).await,
        Ok(EventState::InProgress)
    );
    store.complete(key(1), minute).await.unwrap();
    clock.advance(Duration::from_secs(59));
    assert_eq!(
        store.begin(key(1), first, minute).await,
        Ok(EventState::Handled)
    );
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        store.begin(key(1), first, minute).await,
        Ok(EventState::New)
    );
}

#[tokio::test]
async fn memory_is_bounded_and_keeps_what_is_in_progress() {
    let store = MemoryWebhookStore::new(NonZeroUsize::new(3).unwrap());
    let claim = ClaimId::from_bytes([1; 16]);
    let lease = Duration::from_secs(60);
    store.begin(key(1), claim, lease).await.unwrap();
    store.complete(key(2), lease * 2).await.unwrap();
    store.complete(key(3), lease).await.unwrap();
    // The handled event that expires first makes room.
    assert_eq!(store.begin(key(4), claim, lease).await, Ok(EventState::New));
    assert_eq!(
        store.begin(key(2), claim, lease).await,
        Ok(EventState::Handled)
    );
    assert_eq!(store.begin(key(5), claim, lease).await, Ok(EventState::New));
    assert_eq!(store.len(), 3);
    // All are in progress now.
    store.begin(key(6), claim, lease).await.unwrap_err();
    assert_eq!(
        store.begin(key(1), claim, lease).await,
        Ok(EventState::InProgress)
    );
    store.complete(key(1), lease).await.unwrap();
    assert_eq!(store.begin(key(6), claim, lease).await, Ok(EventState::New));
}

/// Notes for how long an event is kept.
#[derive(Clone, Default)]
struct KeepRecorder(Arc<AtomicU64>);

impl WebhookStore for KeepRecorder {
    type Error = Infallible;

    async fn begin(&self, _: EventKey, _: ClaimId, _: Duration) -> Result<EventState, Self::Error> {
        Ok(EventState::New)
    }

    async fn complete(&self, _: EventKey, keep: Duration) -> Result<(), Self::Error> {
        self.0.store(keep.as_secs(), Ordering::SeqCst);
        Ok(())
    }

    async fn release(&self, _: EventKey, _: ClaimId) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[tokio::test]
async fn an_event_is_kept_for_as_long_as_its_signature_is_valid() {
    const DAY: u64 = 24 * 60 * 60;
    let tolerance = |days: u64| {
        let scheme = stripe().tolerance(Duration::from_secs(days * DAY));
        with_webhook::<Event>(scheme.unwrap())
    };
    let exactly = Duration::from_secs(14 * DAY);
    for (name, layer, days) in [
        ("the default", tolerance(1), 3),
        ("a long tolerance", tolerance(7), 14),
        ("what is set", tolerance(7).keep(exactly).unwrap(), 14),
    ] {
        let store = KeepRecorder::default();
        let layer = layer.once(store.clone());
        let response = crate::common::send(&layer, signed(&stripe(), "", EVENT)).await;
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        for _ in 0..500 {
            if store.0.load(Ordering::SeqCst) > 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(store.0.load(Ordering::SeqCst), days * DAY, "{name}");
    }
}

/// A store that is down.
#[derive(Clone)]
struct FailingStore;

impl WebhookStore for FailingStore {
    type Error = &'static str;

    async fn begin(&self, _: EventKey, _: ClaimId, _: Duration) -> Result<EventState, Self::Error> {
        Err("the store is down")
    }

    async fn complete(&self, _: EventKey, _: Duration) -> Result<(), Self::Error> {
        Err("the store is down")
    }

    async fn release(&self, _: EventKey, _: ClaimId) -> Result<(), Self::Error> {
        Err("the store is down")
    }
}

#[tokio::test]
async fn without_its_store_an_event_is_not_handled_by_default() {
    let (response, calls) = send(
        &FailingStore,
        signed(&stripe(), "", EVENT),
        Outcome::Status(200),
    )
    .await;
    problem(&response.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(calls, 0);

    let layer = with_webhook::<Event>(stripe()).once(FailingStore);
    let layer = layer.dangerously_handle_without_store();
    let response = crate::common::send(&layer, signed(&stripe(), "", EVENT)).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_event_is_known_by_what_is_signed() {
    let clock = ManualClock::new(at(NOW));
    let standard = WebhookScheme::standard("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
    let standard = standard.clock(&clock);
    let github = WebhookScheme::github("a secret of this test").unwrap();
    let slack = WebhookScheme::slack("a secret of this test")
        .unwrap()
        .clock(&clock);
    // The second event is the first one again, or another.
    let cases = [
        (
            "the same id",
            &standard,
            ("msg_1", r#"{"id":"a"}"#),
            ("msg_1", r#"{"id":"b"}"#),
            true,
        ),
        (
            "another id",
            &standard,
            ("msg_1", r#"{"id":"a"}"#),
            ("msg_2", r#"{"id":"a"}"#),
            false,
        ),
        (
            "stripe's id",
            &stripe(),
            ("", r#"{"id":"a"}"#),
            ("", r#"{"id":"a","amount":2}"#),
            true,
        ),
        (
            "stripe's other id",
            &stripe(),
            ("", r#"{"id":"a"}"#),
            ("", r#"{"id":"b"}"#),
            false,
        ),
        (
            "an empty id",
            &stripe(),
            ("", r#"{"id":"","amount":1}"#),
            ("", r#"{"id":"","amount":2}"#),
            false,
        ),
        (
            "slack's id",
            &slack,
            ("", r#"{"event_id":"a","id":""}"#),
            ("", r#"{"event_id":"a","id":"x"}"#),
            true,
        ),
        (
            "slack's body",
            &slack,
            ("", r#"{"id":"a"}"#),
            ("", r#"{"id":"b"}"#),
            false,
        ),
        (
            "the same body",
            &github,
            ("", r#"{"id":"a"}"#),
            ("", r#"{"id":"a"}"#),
            true,
        ),
        (
            "another body",
            &github,
            ("", r#"{"id":"a"}"#),
            ("", r#"{"id":"a" }"#),
            false,
        ),
    ];
    for (name, scheme, first, second, is_same) in cases {
        let store = MemoryWebhookStore::default();
        let layer = with_webhook::<Event>(scheme.clone()).once(store.clone());
        for ((id, body), expected) in [(first, false), (second, is_same)] {
            let response = crate::common::send(&layer, signed(scheme, id, body)).await;
            assert_eq!(response.status(), StatusCode::OK, "{name}");
            let by_layer = response.body() == r#"{"received":true}"#;
            assert_eq!(by_layer, expected, "{name}");
        }
        // Another scope, or another scheme, has other events.
        let other = with_webhook::<Event>(scheme.clone())
            .once(store)
            .scope("other");
        let response = crate::common::send(&other, signed(scheme, second.0, second.1)).await;
        assert_eq!(response.body(), "ok", "{name}");
    }
}

#[tokio::test]
async fn an_answer_to_an_event_that_was_handled_before_is_json() {
    let layer = with_webhook::<Event>(stripe()).once(MemoryWebhookStore::default());
    for expected in [None, Some("application/json")] {
        let response = layer
            .layer(crate::common::Ok200)
            .oneshot(signed(&stripe(), "", EVENT))
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let media_type = response.headers().get("content-type");
        assert_eq!(media_type.map(|value| value.to_str().unwrap()), expected);
        drop(response.into_body().collect().await);
    }
}
