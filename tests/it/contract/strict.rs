//! The handler behind every layer of the contract.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http::{Request, Response};
use tower::Service;

use crate::common::Body;

/// A handler that enforces tower's contract: a clone is not ready, and being ready allows one call.
/// It counts its calls and the live futures.
#[derive(Debug, Default)]
pub(crate) struct Strict {
    ready: bool,
    pub(crate) seen: Arc<Seen>,
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) calls: AtomicUsize,
    pub(crate) alive: AtomicUsize,
    pub(crate) polls_until_ready: AtomicUsize,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            seen: Arc::clone(&self.seen),
        }
    }
}

impl Seen {
    /// Counts a call, and waits once.
    pub(crate) fn handle(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.alive.fetch_add(1, Ordering::SeqCst);
        let alive = Alive(Arc::clone(self));
        async move {
            tokio::task::yield_now().await;
            drop(alive);
        }
    }
}

/// Counts a future for as long as it lives.
struct Alive(Arc<Seen>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let left = &self.seen.polls_until_ready;
        if left.load(Ordering::SeqCst) > 0 {
            left.fetch_sub(1, Ordering::SeqCst);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(self.ready, "called without having been polled to readiness");
        self.ready = false;
        let handled = self.seen.handle();
        Box::pin(async {
            handled.await;
            Ok(Response::new(Body::from("ok")))
        })
    }
}
