//! The same routes in an `Api` and in a router of axum: both find the same route and the same
//! parameters for any path, and both reject the same sets of routes.

use std::{
    cell::Cell,
    convert::Infallible,
    panic::{catch_unwind, set_hook, take_hook},
    sync::Once,
};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, RawPathParams},
    response::Response,
    routing::get,
};
use http::Request;
use proptest::{collection::vec, prelude::*, sample::select};
use tower::Service;
use wythe::{Api, Path, RoutePath, api::ApiService, compose};

use super::{call, shown};

fn listed<'a>(route: &str, params: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    format!("{route} {:?}", params.collect::<Vec<_>>())
}

async fn own(route: RoutePath, Path(params): Path<Vec<(String, String)>>) -> String {
    let params = params.iter();
    listed(
        route.as_str(),
        params.map(|(name, value)| (&**name, &**value)),
    )
}

async fn by_axum(route: MatchedPath, params: RawPathParams) -> String {
    listed(route.as_str(), params.iter())
}

fn router_of_axum(routes: &[String]) -> Option<Router> {
    thread_local! {
        static IS_QUIET: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                report(panic);
            }
        }));
    });
    let build = || {
        let routes = routes.iter();
        routes.fold(Router::new(), |router, route| {
            router.route(route, get(by_axum))
        })
    };
    // axum rejects a route by a panic.
    IS_QUIET.set(true);
    let built = catch_unwind(build);
    IS_QUIET.set(false);
    built.ok()
}

/// The `Api` with these routes, with handlers that are called directly or through axum's router.
fn api(routes: &[String], through_axum: bool) -> Option<ApiService> {
    let stack = compose(());
    let mut api = Api::<()>::new("Routes", "1.0.0").public("a test", |open| open);
    for route in routes {
        api = if through_axum {
            api.get(route, stack.handler(by_axum))
        } else {
            api.get(route, stack.handler(own))
        };
    }
    api.service(()).ok()
}

/// A part of a segment, without parameters.
fn literal() -> impl Strategy<Value = String> {
    let parts = &[
        "a", "b", "ab", "file-", "{{", "}}", "{{a}}", "%61", "ä", ".", "~",
    ][..];
    vec(select(parts), 0..3).prop_map(|parts| parts.concat())
}

fn route() -> impl Strategy<Value = String> {
    let parameter = (literal(), select(&["{a}", "{b}", "{c}"][..]));
    let segment = prop_oneof![
        4 => literal(),
        4 => parameter.prop_map(|(before, parameter)| before + parameter),
        1 => select(&["{}", "{*}", ":a", "*{a}", ":{a}", "{a}b", "{a}{b}", "{*a}b", "{*a}"][..])
            .prop_map(str::to_owned),
    ];
    let end = select(&["", "", "", "/", "/{*rest}"][..]);
    (vec(segment, 1..4), end).prop_map(|(segments, end)| format!("/{}{end}", segments.join("/")))
}

/// Parts of a path that a parameter of a route may match.
fn value() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "", "a", "b", "{a}", "{", "}", "%61", "%2F", "%C3%A4", "ä", ".", "..", "a/b", "/",
            "a/", "~~",
        ][..],
    )
}

/// The path of a request to this route.
fn path(route: &str, values: &[&str]) -> String {
    let mut values = values.iter().cycle();
    let segments = route.split('/').map(|segment| {
        let parameter = segment.replace("{{", "__").rfind('{');
        let (before, value) = match parameter {
            Some(at) => (&segment[..at], *values.next().unwrap()),
            None => (segment, ""),
        };
        before.replace("{{", "{").replace("}}", "}") + value
    });
    segments.collect::<Vec<_>>().join("/")
}

fn paths(routes: Vec<String>) -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    let of_a_route =
        (select(routes.clone()), vec(value(), 3)).prop_map(|(route, values)| path(&route, &values));
    let of_no_route = vec(value(), 1..4).prop_map(|values| format!("/{}", values.join("/")));
    let paths = vec(prop_oneof![3 => of_a_route, 1 => of_no_route], 8);
    paths.prop_map(move |paths| (routes.clone(), paths))
}

proptest! {
    #[test]
    fn a_path_has_the_same_route_and_parameters_as_in_axum(
        (routes, paths) in vec(route(), 1..6).prop_flat_map(paths),
        through_axum in any::<bool>(),
    ) {
        let in_axum = router_of_axum(&routes);
        let in_api = api(&routes, through_axum);
        prop_assert_eq!(in_axum.is_some(), in_api.is_some());
        if let (Some(in_axum), Some(in_api)) = (in_axum, in_api) {
            for path in paths {
                let line = format!("GET {path}");
                let expected = match &*answer(&in_axum, &line) {
                    "404" => "404 There is nothing at this path.".to_owned(),
                    expected => expected.to_owned(),
                };
                prop_assert_eq!(answer(&in_api, &line), expected, "{}", path);
            }
        }
    }
}

fn answer<T>(service: &T, line: &str) -> String
where
    T: Service<Request<Body>, Response = Response, Error = Infallible> + Clone,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    shown(&runtime.block_on(call(service, line)))
}

/// An `Api` asks for paths that can be reached, and are not likely to be meant otherwise.
#[test]
fn an_api_is_stricter_than_axum_with_paths_that_look_like_a_mistake() {
    for route in [
        "/users?all",
        "/users#top",
        "/a*",
        "/files/a*b",
        "/{/{}/{*rest}",
    ] {
        let routes = [route.to_owned()];
        assert!(router_of_axum(&routes).is_some(), "{route}");
        assert!(api(&routes, false).is_none(), "{route}");
    }
}
