//! Dispatch: an `Api` finds the same route and the same parameters as a router of axum with the same
//! routes, as a service and as a router. The first line is the path of a request; each other line is a
//! route. What an `Api` accepts, axum accepts: axum panics if it does not.
#![no_main]

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{MatchedPath, RawPathParams},
    routing::get,
};
use http::{Request, Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use tower_service::Service;
use wythe::{Api, FinishedApi, Path, RoutePath, api::TrailingSlash, compose};
use wythe_fuzz::run;

async fn own(route: RoutePath, Path(params): Path<Vec<(String, String)>>) -> String {
    format!("{} {params:?}", route.as_str())
}

async fn by_axum(route: MatchedPath, params: RawPathParams) -> String {
    let params: Vec<_> = params.iter().collect();
    format!("{} {params:?}", route.as_str())
}

/// An `Api` with these routes; every other handler is called through axum's router.
fn api(routes: &[&str], slash: TrailingSlash) -> FinishedApi<()> {
    let stack = compose(());
    let mut api = Api::<()>::new("Routes", "1.0.0")
        .trailing_slash(slash)
        .public("a test", |open| open);
    for (place, route) in routes.iter().enumerate() {
        api = match place % 2 {
            0 => api.get(route, stack.handler(own)),
            _ => api.get(route, stack.handler(by_axum)),
        };
    }
    api.finish()
}

fn in_axum(routes: &[&str]) -> Router {
    let routes = routes.iter();
    routes.fold(Router::new(), |router, route| {
        router.route(route, get(by_axum))
    })
}

/// The status, and the text if it is a success.
fn shown<S>(mut service: S, path: &str) -> (Response<()>, String)
where
    S: Service<Request<Body>, Response = axum::response::Response>,
    S::Error: std::fmt::Debug,
{
    let request = Request::get(path).body(Body::empty()).unwrap();
    let (head, body) = run(service.call(request)).unwrap().into_parts();
    let text = match head.status {
        StatusCode::OK => run(to_bytes(body, usize::MAX)).unwrap(),
        _ => bytes::Bytes::new(),
    };
    let text = String::from_utf8(text.to_vec()).unwrap();
    (Response::from_parts(head, ()), text)
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let path = lines.next().unwrap_or_default();
    let routes: Vec<&str> = lines.take(8).collect();
    if Request::get(path).body(()).is_err() {
        return;
    }
    // The names that axum's router gives parameters of its own.
    if text.contains("__private__axum") {
        return;
    }
    let Ok(service) = api(&routes, TrailingSlash::NotFound).service(()) else {
        return;
    };
    let (head, text) = shown(in_axum(&routes), path);
    let router = api(&routes, TrailingSlash::NotFound).router(()).unwrap();
    for (of_api, of_api_text) in [shown(service, path), shown(router, path)] {
        assert_eq!(of_api.status(), head.status());
        assert_eq!(of_api_text, text);
    }

    // A redirect takes no path that has a route, and stays on the host.
    let redirecting = api(&routes, TrailingSlash::Redirect);
    let (redirected, redirected_text) = shown(redirecting.service(()).unwrap(), path);
    let redirecting = api(&routes, TrailingSlash::Redirect);
    let (by_router, _) = shown(redirecting.router(()).unwrap(), path);
    assert_eq!(by_router.status(), redirected.status());
    assert_eq!(
        by_router.headers().get("location"),
        redirected.headers().get("location")
    );
    if head.status() != StatusCode::NOT_FOUND {
        assert_eq!(redirected_text, text);
    } else if redirected.status() == StatusCode::PERMANENT_REDIRECT {
        let location = redirected.headers()["location"].as_bytes();
        assert!(location.starts_with(b"/"));
        assert!(!location.starts_with(b"//") && !location.starts_with(b"/\\"));
    } else {
        assert_eq!(redirected.status(), StatusCode::NOT_FOUND);
    }
});
