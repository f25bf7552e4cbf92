//! What the targets share: a way to send a request through a layer, and what every refusal must
//! look like.

mod client;
mod fields;
mod frames;
mod refusal;
mod structured;
mod token;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    mem,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

pub use client::{Hop, PROXY, Proxies, client};
pub use fields::{fields, members};
pub use frames::Frames;
pub use refusal::{errors, is_urlencoded, place, problem};
pub use structured::{Item, list};
pub use token::{Claims, NOW, authenticate, bearer, issuers, scheme, token, valid_token};

/// The handler behind a layer: it answers with the body and the extensions that reached it.
#[derive(Clone, Debug, Default)]
pub struct Handler {
    pub status: StatusCode,
    pub headers: HeaderMap,
}

impl Service<Request<Frames>> for Handler {
    type Response = Response<Frames>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Frames>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Frames>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        *response.extensions_mut() = mem::take(&mut head.extensions);
        ready(Ok(response))
    }
}

/// Sends a request through a layer to a handler, and reads the answer to its end.
pub fn send<L>(layer: &L, request: Request<Frames>, handler: Handler) -> Response<Bytes>
where
    L: Layer<Handler>,
    L::Service: Service<Request<Frames>, Response = Response<Frames>, Error = Infallible>,
{
    let Ok(response) = run(layer.layer(handler).call(request));
    response.map(|body| run(body.read()))
}

/// Polls until it is ready. Whoever waits must have been woken, or would wait for ever.
pub fn run<F: Future>(future: F) -> F::Output {
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Arc::clone(&woken).into();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        assert!(
            woken.0.swap(false, Ordering::Relaxed),
            "waits, and nobody will wake it"
        );
    }
}
