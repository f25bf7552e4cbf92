//! Closures decide by the full path and by the matched route, however the stack is mounted.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, routing::any};
use http::{Method, Request, Response, StatusCode};
use proptest::prelude::*;
use tower::{Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use wythe::{
    ConfigError, Later, Middleware, Place, Problem, RequestHead, Step, compose, stage, with,
};

/// Rejects every request that it is applied to, as authentication does without credentials.
#[derive(Clone, Debug)]
struct Guard;

impl Place for Guard {
    type Stage = stage::Authenticate;
    type Provides = ();
    type Needs = ();
}

impl<B> Middleware<B> for Guard {
    type Carry = ();

    fn before(&self, _: Request<B>) -> Later<Step<B, ()>> {
        Step::reply(Problem::new(StatusCode::UNAUTHORIZED))
    }
}

async fn ok() -> &'static str {
    "ok"
}

async fn serve<B>(_: Request<B>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from("ok")))
}

type App = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

async fn status<S>(app: &S, method: Method, path: &str) -> u16
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    let request = Request::builder().method(method).uri(path);
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap());
    response.await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_guard_for_a_prefix_guards_a_router_that_is_nested_there() {
    let guard = with(Guard).when(|head| head.path().starts_with("/admin/"));
    let stack = compose((guard,));
    let inner = || Router::new().route("/users", any(ok));
    let apps = [
        inner().layer(stack.clone()),
        inner().route_layer(stack.clone()),
        Router::new().route("/users", any(stack.handler(ok))),
        Router::new().fallback_service(stack.service(service_fn(serve))),
    ];
    for inner in apps {
        let app = Router::new().nest("/admin", inner.clone());
        assert_eq!(status(&app, Method::GET, "/admin/users").await, 401);
        let app = Router::new().nest_service("/admin", inner);
        assert_eq!(status(&app, Method::GET, "/admin/users").await, 401);
    }
}

#[tokio::test]
async fn an_exception_for_a_public_prefix_opens_nothing_in_a_nested_router() {
    let guard = with(Guard).except(|head| head.path().starts_with("/public"));
    let inner = Router::new()
        .route("/public-keys/rotate", any(ok))
        .layer(compose((guard.clone(),)));
    let app = Router::new().nest("/api", inner).nest(
        "/public",
        Router::new().route("/docs", any(compose((guard,)).handler(ok))),
    );
    let rotate = status(&app, Method::POST, "/api/public-keys/rotate").await;
    assert_eq!(rotate, 401);
    assert_eq!(status(&app, Method::GET, "/public/docs").await, 200);
}

#[cfg(feature = "authorization")]
#[tokio::test]
async fn a_check_by_path_sees_the_prefix_of_a_nested_router() {
    use wythe::{Auth, assume, with_authorization};

    let check = with_authorization(|Auth(admin): &Auth<bool>, head| {
        !head.path().starts_with("/admin/") || *admin
    });
    let stack = compose((assume::<Auth<bool>>(), check));
    let inner = Router::new().route("/users", any(ok)).layer(stack);
    let app = Router::new().nest("/admin", inner);
    for (admin, expected) in [(false, 403), (true, 200)] {
        let request = Request::get("/admin/users").extension(Auth(admin));
        let request = request.body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected, "{admin}");
    }
}

const PATH: &str = "/admin/users/7";

/// Every way to put a stack of one layer around `PATH`: its name, the route if it is known there, and
/// the app.
macro_rules! mounts {
    ($layer:expr) => {{
        let stack = compose(($layer,));
        let route = Some("/admin/users/{id}");
        let nested = |inner: Router| Router::new().nest("/admin", inner);
        let inner = || Router::new().route("/users/{id}", any(ok));
        let empty = || Router::new().fallback(ok);
        let handler = Router::new().route("/users/{id}", any(stack.handler(ok)));
        [
            ("a handler", route, boxed(nested(handler))),
            (
                "a router",
                route,
                boxed(nested(inner().layer(stack.clone()))),
            ),
            (
                "its routes",
                route,
                boxed(nested(inner().route_layer(stack.clone()))),
            ),
            (
                "outside nest",
                route,
                boxed(nested(inner()).layer(stack.clone())),
            ),
            (
                "a router as a service",
                route,
                boxed(Router::new().nest_service("/admin", inner().layer(stack.clone()))),
            ),
            ("a whole app", None, boxed(stack.service(nested(inner())))),
            ("a fallback", None, boxed(empty().layer(stack.clone()))),
            (
                "a nested fallback",
                None,
                boxed(nested(empty().layer(stack.clone()))),
            ),
            (
                "a nested service",
                None,
                boxed(Router::new().nest_service("/admin", stack.service(service_fn(serve)))),
            ),
            (
                "a fallback service",
                None,
                boxed(Router::new().fallback_service(stack.service(service_fn(serve)))),
            ),
            ("no router", None, boxed(stack.service(service_fn(serve)))),
        ]
    }};
}

fn boxed<S>(app: S) -> App
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    App::new(app)
}

#[tokio::test]
async fn a_closure_sees_the_full_path_and_the_route_however_the_stack_is_mounted() {
    let seen = Arc::new(Mutex::new(String::new()));
    let shown = Arc::clone(&seen);
    let guard = with(Guard).when(move |head| {
        let uri = head.uri().to_string();
        let (path, query) = (head.path(), head.query().unwrap_or_default());
        let (method, route) = (head.method(), head.route());
        *shown.lock().unwrap() = format!("{method} {uri} {path} {query} {route}");
        true
    });
    for (mount, route, app) in mounts!(guard) {
        let path = format!("{PATH}?a=b");
        assert_eq!(status(&app, Method::PUT, &path).await, 401, "{mount}");
        let route = route.unwrap_or_default();
        let expected = format!("PUT {path} {PATH} a=b {route}");
        assert_eq!(*seen.lock().unwrap(), expected, "{mount}");
    }
}

#[tokio::test]
async fn conditions_on_the_full_path_are_the_same_however_the_stack_is_mounted() {
    let by_path =
        |prefix: &'static str| move |head: &RequestHead<'_>| head.path().starts_with(prefix);
    for prefix in ["/admin/", "/users/", "/"] {
        let holds = PATH.starts_with(prefix);
        for (mount, _, app) in mounts!(with(Guard).when(by_path(prefix))) {
            let expected = if holds { 401 } else { 200 };
            assert_eq!(
                status(&app, Method::GET, PATH).await,
                expected,
                "{mount} {prefix}"
            );
        }
        for (mount, _, app) in mounts!(with(Guard).except(by_path(prefix))) {
            let expected = if holds { 200 } else { 401 };
            assert_eq!(
                status(&app, Method::GET, PATH).await,
                expected,
                "{mount} {prefix}"
            );
        }
    }
}

#[tokio::test]
async fn the_layer_acts_where_a_closure_asks_for_a_route_that_is_not_known() {
    for holds in [true, false] {
        let asks = move |head: &RequestHead<'_>| head.route().is_empty() == holds;
        for (mount, route, app) in mounts!(with(Guard).when(asks)) {
            let expected = if route.is_some() && holds { 200 } else { 401 };
            assert_eq!(
                status(&app, Method::GET, PATH).await,
                expected,
                "{mount} {holds}"
            );
        }
        for (mount, route, app) in mounts!(with(Guard).except(asks)) {
            let expected = if route.is_some() && !holds { 200 } else { 401 };
            assert_eq!(
                status(&app, Method::GET, PATH).await,
                expected,
                "{mount} {holds}"
            );
        }
    }
}

#[tokio::test]
async fn a_list_of_routes_is_compared_with_the_full_route() -> Result<(), ConfigError> {
    let cases = [
        (&["/admin/users/{id}"][..], true),
        // The name of a parameter does not matter.
        (&["/health", "/admin/users/{user_id}"], true),
        // Neither what a nested router sees, nor a path.
        (&["/users/{id}"], false),
        (&["/admin/users/7"], false),
        (
            &["/admin/users/{*id}", "/admin/users/{id}/", "/admin/users"],
            false,
        ),
    ];
    for (routes, listed) in cases {
        for (mount, route, app) in mounts!(with(Guard).only_routes(routes)?) {
            let expected = if listed || route.is_none() { 401 } else { 200 };
            assert_eq!(
                status(&app, Method::GET, PATH).await,
                expected,
                "{mount} {routes:?}"
            );
        }
        for (mount, route, app) in mounts!(with(Guard).except_routes(routes)?) {
            let expected = if listed && route.is_some() { 200 } else { 401 };
            assert_eq!(
                status(&app, Method::GET, PATH).await,
                expected,
                "{mount} {routes:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_list_of_routes_is_checked_when_it_is_built() {
    let cases = [
        (&[][..], "the list of routes is empty"),
        (&[""], "must start with `/`"),
        (&["health"], "must start with `/`"),
        (&["/users/:id"], "write `{id}`"),
        (&["/files/*"], "write `{*rest}`"),
        (&["/health?full"], "without query"),
        (&["/health", "/health"], "`/health` is listed twice"),
        (
            &["/users/{id}", "/users/{user}"],
            "`/users/{user}` is listed twice",
        ),
    ];
    for (routes, says) in cases {
        let error = with(Guard).except_routes(routes).unwrap_err().to_string();
        assert!(
            error.starts_with("except_routes: ") && error.contains(says),
            "{error}"
        );
        let error = with(Guard).only_routes(routes).unwrap_err().to_string();
        assert!(
            error.starts_with("only_routes: ") && error.contains(says),
            "{error}"
        );
    }
}

#[test]
fn a_list_of_routes_is_part_of_the_name() -> Result<(), ConfigError> {
    let stack = compose((
        with(Guard).only_routes(["/b/{id}", "/a"])?,
        with(Guard).except_routes(["/health"])?,
    ));
    let names: Vec<_> = stack
        .describe()
        .iter()
        .map(|(_, layer)| layer.name().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            r#"Guard.only_routes(["/a", "/b/{id}"])"#,
            r#"Guard.except_routes(["/health"])"#
        ]
    );
    let shown = format!("{:?}", with(Guard).except_routes(["/health"])?);
    assert_eq!(shown, r#"With(Guard.except_routes(["/health"]))"#);
    Ok(())
}

#[tokio::test]
async fn a_route_that_does_not_fit_the_full_path_is_not_known() -> Result<(), ConfigError> {
    let stack = compose((with(Guard).only_routes(["/x/y"])?,));
    // Two routers have matched the same path: axum joins their routes.
    let inner = Router::new().route("/x/y", any(ok)).layer(stack.clone());
    let app = Router::new().route_service("/x/{*rest}", boxed(inner));
    assert_eq!(status(&app, Method::GET, "/x/y").await, 401);
    // A nested service is called for `/api` and `/api/`, which axum calls `/api/` and `/api//`.
    let inner = Router::new().route("/", any(ok)).layer(stack);
    let app = Router::new().nest_service("/api", boxed(inner));
    for path in ["/api", "/api/"] {
        assert_eq!(status(&app, Method::GET, path).await, 401, "{path}");
    }
    Ok(())
}

#[cfg(feature = "authorization")]
#[tokio::test]
async fn a_check_that_asks_for_a_route_that_is_not_known_denies() {
    use wythe::{Auth, assume, with_authorization};

    for later in [false, true] {
        let check = with_authorization(move |_: &Auth<u8>, head| {
            let known = head.route() == "/known";
            async move {
                if later {
                    tokio::task::yield_now().await;
                }
                !known
            }
        });
        let stack = compose((assume::<Auth<u8>>(), check));
        let app = Router::new()
            .route("/other", any(ok))
            .fallback(ok)
            .layer(stack);
        for (path, expected) in [("/other", 200), ("/nowhere", 403)] {
            let request = Request::get(path).extension(Auth(1_u8));
            let request = request.body(Body::empty()).unwrap();
            let response = app.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), expected, "{path} {later}");
        }
    }
}

/// A segment of a route, and a path that matches it.
fn segment() -> impl Strategy<Value = (String, String)> {
    let value = "[a-z%][a-z0-9]{0,3}".prop_map(|text| text.replace('%', "%20"));
    prop_oneof![
        "[a-c]{1,2}".prop_map(|text| (text.clone(), text)),
        ("[a-z]{1,3}", value).prop_map(|(name, value)| (format!("{{{name}}}"), value)),
    ]
}

/// Routes of nested routers, outermost first, with different names for their parameters.
fn routes() -> impl Strategy<Value = Vec<(String, String)>> {
    let part = prop::collection::vec(segment(), 1..3);
    prop::collection::vec(part, 1..5).prop_map(|parts| {
        let mut count = 0;
        let mut part = |segments: Vec<(String, String)>| {
            let (mut route, mut path) = (String::new(), String::new());
            for (segment, value) in segments {
                count += 1;
                let segment = segment.replace('}', &format!("{count}}}"));
                route.extend(["/", &segment]);
                path.extend(["/", &value]);
            }
            (route, path)
        };
        parts.into_iter().map(&mut part).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_condition_sees_the_full_path_and_route_at_every_depth(
        parts in routes(),
        layered_at in 0..5_usize,
        services in proptest::array::uniform5(proptest::bool::ANY),
    ) {
        let (route, path): (String, String) = parts.iter().cloned().unzip();
        let seen = Arc::new(Mutex::new((String::new(), String::new())));
        let shown = Arc::clone(&seen);
        let guard = with(Guard).when(move |head| {
            *shown.lock().unwrap() = (head.path().to_owned(), head.route().to_owned());
            head.route() == "/"
        });
        let stack = compose((guard, with(Guard).except_routes([&route]).unwrap()));
        let mut parts = parts.into_iter().rev();
        let (innermost, _) = parts.next().unwrap();
        let layered_at = layered_at % (parts.len() + 1);
        let mut app = Router::new().route(&innermost, any(ok));
        if layered_at == 0 {
            app = app.layer(stack.clone());
        }
        for (depth, (prefix, _)) in (1..).zip(parts) {
            // Outside a nested service, the route inside is not matched yet.
            app = match services[depth] && depth > layered_at {
                true => Router::new().nest_service(&prefix, app),
                false => Router::new().nest(&prefix, app),
            };
            if depth == layered_at {
                app = app.layer(stack.clone());
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(status(&app, Method::GET, &path));
        prop_assert_eq!(found, 200);
        let seen = seen.lock().unwrap().clone();
        prop_assert_eq!(seen, (path, route));
    }
}
