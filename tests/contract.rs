//! What holds for every layer of the crate, whatever its policy.
//!
//! `every_layer!` has one line for each: the layer, a request that passes, one that it answers
//! itself if there is such a request, and a secret that its `Debug` must not show.

mod support;

use std::{
    convert::Infallible,
    fmt::Debug,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http::{Request, Response};
use support::Body;
use tower::{Layer, Service, ServiceExt};

/// A handler that insists on tower's contract: a clone is not ready, and one readiness is good for
/// one call. It counts its calls and the futures that are alive.
#[derive(Debug, Default)]
struct Strict {
    ready: bool,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    calls: AtomicUsize,
    alive: AtomicUsize,
    polls_until_ready: AtomicUsize,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            seen: Arc::clone(&self.seen),
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
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

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
        self.seen.calls.fetch_add(1, Ordering::SeqCst);
        self.seen.alive.fetch_add(1, Ordering::SeqCst);
        let alive = Alive(Arc::clone(&self.seen));
        Box::pin(async move {
            tokio::task::yield_now().await;
            drop(alive);
            Ok(Response::new(Body::from("ok")))
        })
    }
}

/// The bytes that a layer may add to the future of what it stands around.
const FUTURE_BYTES: usize = 512;

/// The whole contract, for one layer.
async fn keeps_the_contract<L, S>(
    layer: L,
    passing: fn() -> Request<Body>,
    answered: Option<fn() -> Request<Body>>,
    secret: &str,
) where
    L: Layer<Strict, Service = S> + Clone + Debug + Send + Sync + 'static,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let shown = format!("{layer:?}");
    assert!(!shown.contains(secret), "`Debug` shows the secret: {shown}");

    let handler = Strict::default();
    let seen = Arc::clone(&handler.seen);
    let service = layer.clone().layer(handler);

    // Readiness goes through, and the service that was made ready is the one that is called.
    seen.polls_until_ready.store(2, Ordering::SeqCst);
    let response = service.clone().oneshot(passing()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(seen.calls.load(Ordering::SeqCst), 1);

    // One service may be called again and again, and its clones as well.
    let mut first = service.clone();
    for _ in 0..2 {
        poll_fn(|cx| first.poll_ready(cx)).await.unwrap();
        assert_eq!(first.call(passing()).await.unwrap().status(), 200);
    }
    let mut second = first.clone();
    poll_fn(|cx| second.poll_ready(cx)).await.unwrap();
    assert_eq!(second.call(passing()).await.unwrap().status(), 200);
    assert_eq!(seen.calls.load(Ordering::SeqCst), 4);

    // What it answers itself never reaches the handler.
    if let Some(answered) = answered {
        let response = service.clone().oneshot(answered()).await.unwrap();
        assert_ne!(response.status(), 200);
        assert_eq!(seen.calls.load(Ordering::SeqCst), 4);
    }

    // A future that is dropped early, polled or not, leaves nothing behind.
    let mut third = service.clone();
    poll_fn(|cx| third.poll_ready(cx)).await.unwrap();
    drop(third.call(passing()));
    poll_fn(|cx| third.poll_ready(cx)).await.unwrap();
    let mut future = Box::pin(third.call(passing()));
    let first_poll = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    assert!(first_poll.is_pending());
    let size = size_of_val(&*future);
    drop(future);
    assert_eq!(seen.alive.load(Ordering::SeqCst), 0);

    assert!(size <= FUTURE_BYTES, "the future takes {size} bytes");
}

fn plain() -> Request<Body> {
    Request::get("/").body(support::empty()).unwrap()
}

/// A test for each line.
macro_rules! every_layer {
    ($($name:ident: $layer:expr, passes $passing:expr, answers $answered:expr, secret $secret:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            keeps_the_contract($layer, $passing, $answered, $secret).await;
        }
    )*};
}

mod layers {
    use super::*;
    use support::tenancy::Tenancy;
    use wythe::{compose, with};

    fn acme() -> Request<Body> {
        Request::get("/")
            .header("x-tenant", "acme")
            .body(support::empty())
            .unwrap()
    }

    every_layer! {
        own: with(Tenancy), passes acme, answers Some(plain), secret "acme";
        conditional: with(Tenancy).when(|head| head.uri.path() == "/"),
            passes acme, answers Some(plain), secret "acme";
        stack: compose((compose(()), with(Tenancy))),
            passes acme, answers Some(plain), secret "acme";
    }
}

#[cfg(feature = "cache-control")]
mod cache_control {
    use super::*;
    use wythe::{CacheControl, with_cache_control};

    every_layer! {
        cache_control: with_cache_control(CacheControl::private().no_cache()),
            passes plain, answers None, secret "no secret";
    }
}

#[cfg(feature = "rate-limit")]
mod rate_limit {
    use super::*;
    use wythe::{Quota, with_rate_limit};

    fn from_peer() -> Request<Body> {
        support::limits::from_peer("203.0.113.9:50123")
    }

    every_layer! {
        rate_limit: with_rate_limit(Quota::per_second(100).by_peer().unwrap()),
            passes from_peer, answers Some(plain), secret "203.0.113.9";
    }
}
