//! An `Api` and axum's router, with the same handlers, and 1, 100 or 1,000 routes.

use std::{convert::Infallible, pin::pin, task};

use axum::{
    Router,
    body::{Body, Bytes},
    extract,
    http::{Request, StatusCode},
    response::Response,
    routing::get,
};
use tower::Service;
use wythe::{Api, Path, compose};
use wythe_bench_harness::{Case, answered};

pub(crate) const NOTES: &str = "\
- the handler answers with a text of five bytes; each case pays for the request, which is copied
- by id: the handler takes the crate's `Path<u64>`, or axum's
- an `Api` and axum's `Path`: the request goes through a router of axum with one route";

async fn hello() -> &'static str {
    "hello"
}

async fn by_id(Path(id): Path<u64>) -> &'static str {
    std::hint::black_box(id);
    "hello"
}

async fn by_id_of_axum(extract::Path(id): extract::Path<u64>) -> &'static str {
    std::hint::black_box(id);
    "hello"
}

/// The path of a route, and of a request to it.
const PATHS: [(&str, &str); 2] = [("parts", "parts"), ("parts/{id}", "parts/7")];

fn request(of: usize) -> Request<Bytes> {
    let path = format!("/things/0/{}", PATHS[of].1);
    Request::get(path).body(Bytes::new()).expect("a request")
}

/// As many routes as asked for, each added by the closure.
fn with_routes<T>(routes: u32, of: usize, empty: T, add: impl Fn(T, &str) -> T) -> T {
    (0..routes).fold(empty, |all, number| {
        add(all, &format!("/things/{number}/{}", PATHS[of].0))
    })
}

/// The router as `axum::serve` calls it.
fn served(
    router: Router,
) -> impl Service<Request<Body>, Response = Response, Error = Infallible> + Clone {
    let mut made = pin!(router.into_make_service().call(()));
    let mut context = task::Context::from_waker(task::Waker::noop());
    match made.as_mut().poll(&mut context) {
        task::Poll::Ready(Ok(service)) => service,
        _ => unreachable!("it does not wait"),
    }
}

macro_rules! case {
    (axum $name:literal, $routes:literal, $of:literal, $handler:expr) => {
        Case::part($name, || {
            let router = with_routes($routes, $of, Router::new(), |router, path| {
                router.route(path, get($handler))
            });
            answered($name, served(router), request($of), StatusCode::OK)
        })
    };
    (api $name:literal, $routes:literal, $of:literal, $handler:expr) => {
        Case::part($name, || {
            let stack = compose(());
            let api = Api::<()>::new("Things", "1.0.0")
                .around(compose(()))
                .guard(compose(()));
            let api = with_routes($routes, $of, api, |api, path| {
                api.get(path, stack.handler($handler))
            });
            answered(
                $name,
                api.service(()).expect("an API"),
                request($of),
                StatusCode::OK,
            )
        })
    };
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case!(axum "axum, 1 route", 1, 0, hello),
        case!(axum "axum, 100 routes", 100, 0, hello),
        case!(axum "axum, 1,000 routes", 1_000, 0, hello),
        case!(api "Api, 1 route", 1, 0, hello),
        case!(api "Api, 100 routes", 100, 0, hello),
        case!(api "Api, 1,000 routes", 1_000, 0, hello),
        case!(axum "axum, by id, 100 routes", 100, 1, by_id_of_axum),
        case!(api "Api, by id, 100 routes", 100, 1, by_id),
        case!(api "Api and axum's Path, by id, 100 routes", 100, 1, by_id_of_axum),
    ]
}
