//! Every layer in an `Api`: in the stack of a route, as its guard, and around everything.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::Poll,
};

use http::{Method, Request, StatusCode};
use tower::{Service, ServiceExt};
use wythe::api::ApiService;

use super::strict::Seen;
use crate::common::Body;

/// More polls than any request takes.
const MAX_POLLS: usize = 100;

/// A test for each of these layers.
macro_rules! under_api {
    ($($name:ident: $layer:expr, passes $passing:expr, answers $answered:expr;)*) => {
        #[cfg(feature = "api")]
        mod under_api {
            use super::*;
            use crate::contract::{strict::Seen, under_api::{handler, keeps_the_contract_under_api}};
            use wythe::{Api, api::Concern, compose};

            $(
                #[tokio::test]
                async fn $name() {
                    let passing: fn() -> Request<Body> = $passing;
                    let method = || passing().method().clone();
                    let seen = Arc::<Seen>::default();
                    let cors = Concern::CorsInsideRoute;
                    let inner = compose(($layer,)).handler(handler(&seen)).allow(cors, "a test");
                    let alone = compose(()).handler(handler(&seen)).allow(cors, "a test");
                    let in_route = Api::<()>::new("Route", "1.0.0").route(method(), "/", inner);
                    let as_guard = Api::<()>::new("Guard", "1.0.0")
                        .guard(compose(($layer,)))
                        .route(method(), "/", alone.clone());
                    let around = Api::<()>::new("Around", "1.0.0")
                        .around(compose(($layer,)))
                        .route(method(), "/", alone);
                    let services = [
                        in_route.service(()).unwrap(),
                        as_guard.service(()).unwrap(),
                        around.service(()).unwrap(),
                    ];
                    keeps_the_contract_under_api(services, &seen, passing, $answered).await;
                }
            )*
        }
    };
}
pub(super) use under_api;

type Handled = Pin<Box<dyn Future<Output = &'static str> + Send>>;

/// The handler inside the layer.
pub(super) fn handler(seen: &Arc<Seen>) -> impl Fn() -> Handled + Clone + Send + Sync + 'static {
    let seen = Arc::clone(seen);
    move || {
        let handled = seen.handle();
        Box::pin(async {
            handled.await;
            "ok"
        })
    }
}

/// What of the contract applies to a layer in an `Api`: the last of the services has it around
/// everything.
pub(super) async fn keeps_the_contract_under_api(
    services: [ApiService; 3],
    seen: &Seen,
    passing: fn() -> Request<Body>,
    answered: Option<fn() -> Request<Body>>,
) {
    for mut service in services.clone() {
        let calls = seen.calls.load(Ordering::SeqCst);
        for mut service in [service.clone(), service.clone()] {
            for _ in 0..2 {
                let ready = poll_fn(|cx| Service::<Request<Body>>::poll_ready(&mut service, cx));
                ready.await.unwrap();
                assert_eq!(service.call(passing()).await.unwrap().status(), 200);
            }
        }
        assert_eq!(seen.calls.load(Ordering::SeqCst), calls + 4);

        // A request that the layer answers itself never reaches the handler.
        if let Some(answered) = answered {
            let response = service.call(answered()).await.unwrap();
            assert_ne!(response.status(), 200);
            assert_eq!(seen.calls.load(Ordering::SeqCst), calls + 4);
        }
        survives_disconnects(&service, seen, passing, StatusCode::OK).await;
    }
    let [.., around] = services;
    let calls = seen.calls.load(Ordering::SeqCst);
    let no_route = || {
        let mut request = passing();
        *request.uri_mut() = "/nothing?name=Ada".parse().unwrap();
        request
    };
    survives_disconnects(&around, seen, no_route, StatusCode::NOT_FOUND).await;
    let other_method = || {
        let mut request = passing();
        *request.method_mut() = Method::DELETE;
        request
    };
    survives_disconnects(&around, seen, other_method, StatusCode::METHOD_NOT_ALLOWED).await;
    assert_eq!(seen.calls.load(Ordering::SeqCst), calls);
}

/// Drops the future of a request after each number of polls, until it ends by itself. Another request
/// is answered then.
async fn survives_disconnects(
    service: &ApiService,
    seen: &Seen,
    request: impl Fn() -> Request<Body>,
    status: StatusCode,
) {
    for polls in 0.. {
        assert!(polls < MAX_POLLS);
        let mut future = Box::pin(service.clone().oneshot(request()));
        let mut left = polls;
        let ended = poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(false);
            }
            left -= 1;
            match future.as_mut().poll(cx) {
                Poll::Pending if left == 0 => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
                Poll::Ready(response) => {
                    assert_eq!(response.unwrap().status(), status);
                    Poll::Ready(true)
                }
            }
        });
        let ended = ended.await;
        drop(future);
        assert_eq!(seen.alive.load(Ordering::SeqCst), 0, "after {polls} polls");
        let next = service.clone().oneshot(request()).await.unwrap();
        assert_eq!(next.status(), status, "after {polls} polls");
        if ended {
            return;
        }
    }
}
