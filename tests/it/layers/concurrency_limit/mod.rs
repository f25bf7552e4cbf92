//! `with_concurrency_limit`: which requests are admitted, queued or rejected, and when a place is
//! freed.

mod bodies;
mod config;
mod keys;
mod model;
mod places;
mod queue;
#[cfg(feature = "axum")]
mod server;
#[cfg(all(feature = "axum", feature = "auth", feature = "presentation"))]
mod stacks;
mod threads;

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use http::{Request, Response, StatusCode};
use tower::{Layer, Service};
use wythe::{
    ConcurrencyLimit, Placed,
    concurrency_limit::{ConcurrencyLimiter, Guarded, Overall},
    key::Key,
    with_concurrency_limit,
};

use crate::common::{Body, Ok200, empty};

pub(crate) type Answer = Response<Guarded<Body>>;

/// This many requests at once, without a queue.
pub(crate) fn only(max: usize) -> Placed<ConcurrencyLimiter<Overall>> {
    with_concurrency_limit(ConcurrencyLimit::of(max).unwrap())
}

/// Polls a future once.
pub(crate) fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The output of a future that is immediately ready.
#[track_caller]
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// Sends a request to a handler that answers 200 `ok`. The response is in progress until it is
/// dropped or read.
pub(crate) fn send<K: Key>(
    layer: &Placed<ConcurrencyLimiter<K>>,
    request: Request<Body>,
) -> Pin<Box<impl Future<Output = Result<Answer, Infallible>> + use<K>>> {
    let mut service = layer.layer(Ok200);
    let _: Poll<_> = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    Box::pin(service.call(request))
}

/// The response to a request that does not have to wait.
#[track_caller]
pub(crate) fn ask<K: Key>(layer: &Placed<ConcurrencyLimiter<K>>) -> Answer {
    let Ok(answer) = now(send(layer, Request::new(empty())));
    answer
}

/// Whether a request would be served now.
#[track_caller]
pub(crate) fn has_room<K: Key>(layer: &Placed<ConcurrencyLimiter<K>>) -> bool {
    ask(layer).status() == StatusCode::OK
}

/// The numbers of requests in progress and waiting.
pub(crate) fn counts<K: Key>(layer: &Placed<ConcurrencyLimiter<K>>) -> (usize, usize) {
    (layer.inner().in_progress(), layer.inner().waiting())
}
