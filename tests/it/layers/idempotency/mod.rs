//! Requests that are sent again.

mod answers;
mod disconnects;
mod keys;
mod permits;
#[cfg(feature = "idempotency-redis")]
mod redis;
mod stores;
mod tasks;

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tower::{Service, util::BoxCloneSyncService};
use wythe::{Idempotency, idempotency::Everybody};

use crate::common::{Body, read};

/// A service that answers each request once it is told to.
pub(crate) type Handler = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Counts its calls, and answers 201 with their number.
#[derive(Clone, Default)]
pub(crate) struct Payments {
    pub(crate) begun: Arc<AtomicU32>,
    pub(crate) done: Arc<AtomicU32>,
}

impl Payments {
    /// Waits this many times before it is done.
    pub(crate) fn handler(&self, waits: u32) -> Handler {
        let payments = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |_: Request<Body>| {
            let payments = payments.clone();
            async move {
                let number = payments.begun.fetch_add(1, Ordering::SeqCst) + 1;
                for _ in 0..waits {
                    tokio::task::yield_now().await;
                }
                payments.done.fetch_add(1, Ordering::SeqCst);
                let response = Response::builder()
                    .status(StatusCode::CREATED)
                    .header("location", format!("/payments/{number}"))
                    .header("set-cookie", "session=secret")
                    .body(Body::from(format!("payment {number}")));
                Ok(response.unwrap())
            }
        }))
    }

    pub(crate) fn count(&self) -> u32 {
        assert_eq!(
            self.begun.load(Ordering::SeqCst),
            self.done.load(Ordering::SeqCst)
        );
        self.done.load(Ordering::SeqCst)
    }
}

/// Answers as it is told, and counts.
pub(crate) fn scripted(
    answers: impl IntoIterator<Item = Response<Body>>,
) -> (Handler, Arc<AtomicU32>) {
    let mut answers: Vec<_> = answers.into_iter().collect();
    answers.reverse();
    let answers = Arc::new(Mutex::new(answers));
    let calls = Arc::<AtomicU32>::default();
    let counted = Arc::clone(&calls);
    let handler = tower::service_fn(move |_: Request<Body>| {
        counted.fetch_add(1, Ordering::SeqCst);
        let answer = answers.lock().unwrap().pop();
        async move { Ok(answer.expect("no further call")) }
    });
    (BoxCloneSyncService::new(handler), calls)
}

pub(crate) fn status(status: u16) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("answer {status}")));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

pub(crate) fn in_memory() -> Idempotency<Everybody> {
    Idempotency::in_memory().dangerously_shared()
}

pub(crate) fn pay(key: &str) -> Request<Body> {
    request("/payments", key, "amount=1")
}

pub(crate) fn request(path: &str, key: &str, body: &str) -> Request<Body> {
    let request = Request::post(path)
        .header("idempotency-key", key)
        .header("content-type", "application/x-www-form-urlencoded");
    request.body(Body::from(body.to_owned())).unwrap()
}

/// Sends a request, and reads the answer.
pub(crate) async fn send<S>(service: &S, request: Request<Body>) -> Response<Bytes>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    let answer = tower::ServiceExt::oneshot(service.clone(), request).await;
    read(answer.unwrap()).await
}

pub(crate) fn is_replay(response: &Response<Bytes>) -> bool {
    response
        .headers()
        .get("idempotent-replayed")
        .is_some_and(|value| value == "true")
}
