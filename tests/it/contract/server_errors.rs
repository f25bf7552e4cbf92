//! Every 5xx leaves exactly one event with its cause, wherever it comes from and however the stack
//! is mounted.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension, Json, Router,
    body::Body,
    extract,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt, service_fn};
use tower_http::timeout::TimeoutLayer;
use wythe::{
    CacheControl, ConcurrencyLimit, Cors, Later, Middleware, Place, Problem, Step, compose,
    endpoint, stage, with, with_body_adapter, with_cache_control, with_concurrency_limit,
    with_cors, with_load_shed, with_presentation, with_presentation_as,
};

use crate::common::{Closed, log::Log};

async fn problem() -> Result<(), Problem> {
    Err(Problem::internal("the index is corrupt"))
}

/// It waits first, so that the response does not come from the first poll.
async fn unavailable() -> Result<(), Problem> {
    tokio::task::yield_now().await;
    Err(Problem::unavailable("connection refused"))
}

/// An error of the application, which becomes a problem without axum's trait.
struct AppError;

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        Problem::internal("the application failed")
            .into_response()
            .map(Body::from)
    }
}

async fn app_error() -> Result<(), AppError> {
    Err(AppError)
}

#[derive(Clone)]
struct Tenant;

/// axum answers in plain text that there is no such extension.
async fn extension(_: Extension<Tenant>) {}

async fn status() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn text() -> (StatusCode, &'static str) {
    tokio::task::yield_now().await;
    (StatusCode::BAD_GATEWAY, "db-7.internal does not answer")
}

async fn json() -> (StatusCode, Json<&'static str>) {
    (StatusCode::NOT_IMPLEMENTED, Json("in a format of its own"))
}

async fn absent() -> Result<(), Problem> {
    Err(Problem::new(StatusCode::NOT_FOUND))
}

async fn panics() {
    tokio::task::yield_now().await;
    panic!("out of luck")
}

/// A router with a handler for each origin of an error: `routes!(handler => get(handler))`.
macro_rules! routes {
    ($handler:ident => $place:expr) => {
        routes!($handler => $place; problem unavailable app_error extension status text json absent)
    };
    ($handler:ident => $place:expr; $($name:ident)*) => {
        Router::new()$(.route(concat!("/", stringify!($name)), {
            let $handler = $name;
            $place
        }))*
    };
}

/// The path of an error, what its event says, and the text that only `with_presentation` reads.
const ERRORS: [(&str, &str, &str); 8] = [
    (
        "/problem",
        "ERROR message=refused layer=\"handler\" status=500 cause=the index is corrupt",
        "",
    ),
    (
        "/unavailable",
        "WARN message=refused layer=\"handler\" status=503 reason=\"unavailable\" \
         cause=connection refused",
        "",
    ),
    (
        "/app_error",
        "ERROR message=refused layer=\"handler\" status=500 cause=the application failed",
        "",
    ),
    (
        "/extension",
        "ERROR message=server error",
        "Missing request extension",
    ),
    ("/status", "ERROR message=server error", ""),
    (
        "/text",
        "ERROR message=server error",
        "db-7.internal does not answer",
    ),
    ("/json", "ERROR message=server error", ""),
    (
        "/absent",
        "DEBUG message=refused layer=\"handler\" status=404",
        "",
    ),
];

fn cors() -> wythe::With<Cors> {
    with_cors(Cors::any())
}

fn no_store() -> wythe::With<wythe::cache_control::Caching> {
    with_cache_control(CacheControl::no_store())
}

fn own_shape() -> wythe::Placed<wythe::presentation::Presentation> {
    with_presentation_as(|problem, _| {
        let body = format!("<h1>{}</h1>", problem.status());
        (HeaderValue::from_static("text/html"), Bytes::from(body))
    })
}

/// The service in a task of its own, as behind a `tower::buffer`.
fn spawned(router: Router) -> Router {
    Router::new().fallback_service(service_fn(move |request| {
        let call = router.clone().oneshot(request);
        async { tokio::spawn(call).await.unwrap() }
    }))
}

fn plain() -> Router {
    routes!(handler => get(handler))
}

/// Each way to mount a stack, and whether the presentation stands around the handlers in one task.
fn mounts() -> Vec<(&'static str, Router, bool)> {
    let limit = with_concurrency_limit(ConcurrencyLimit::of(8).unwrap());
    vec![
        (
            "around a handler",
            routes!(handler => get(compose(no_store()).handler(handler))),
            false,
        ),
        (
            "empty, around a handler",
            routes!(handler => get(compose(()).handler(handler))),
            false,
        ),
        (
            "around a stack around a handler",
            routes!(handler => get(compose(no_store()).handler(handler)).layer(compose((cors(),)))),
            false,
        ),
        (
            "with presentation, around a handler",
            routes!(handler => get(
                compose((with_presentation(), no_store())).handler(handler)
            )),
            true,
        ),
        (
            "with presentation, on a route",
            routes!(handler => get(handler).layer(compose((with_presentation(),)))),
            true,
        ),
        ("on the router", plain().layer(compose((cors(),))), false),
        (
            "with presentation, on the router",
            plain().layer(compose((with_presentation(),))),
            true,
        ),
        (
            "with a renderer, on the router",
            plain().layer(compose((own_shape(),))),
            true,
        ),
        (
            "with presentation, on the routes",
            plain().route_layer(compose((with_presentation(), no_store()))),
            true,
        ),
        (
            "with presentation, around the router as a service",
            Router::new().fallback_service(compose((cors(), with_presentation())).service(plain())),
            true,
        ),
        (
            "on handlers and, with presentation, on the router",
            routes!(handler => get(compose(no_store()).handler(handler)))
                .layer(compose((cors(), with_presentation()))),
            true,
        ),
        (
            "with presentation on handlers, and on the router",
            routes!(handler => get(compose((with_presentation(), no_store())).handler(handler)))
                .layer(compose((cors(),))),
            true,
        ),
        (
            "with presentation on handlers, and on the router",
            routes!(handler => get(compose((own_shape(), no_store())).handler(handler)))
                .layer(compose((with_presentation(),))),
            true,
        ),
        (
            "in a task of its own, with presentation outside",
            spawned(plain().layer(compose((cors(),)))).layer(compose((with_presentation(),))),
            false,
        ),
        (
            "one layer that sheds load",
            plain().layer(compose((with_load_shed(),))),
            false,
        ),
        (
            "one layer that limits concurrency",
            plain().layer(compose((limit,))),
            false,
        ),
        (
            "one layer that adapts the body",
            plain().layer(compose((with_body_adapter(),))),
            false,
        ),
    ]
}

async fn events(log: &Log, app: &Router, path: &str) -> String {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    assert!(response.status().as_u16() >= 400, "{path}");
    drop(response.into_body().collect().await);
    log.take()
}

#[tokio::test]
async fn each_error_leaves_one_event_with_its_cause_however_the_stack_is_mounted() {
    let (log, _guard) = Log::listen();
    for (mount, app, presented) in mounts() {
        for (path, says, text) in ERRORS {
            let event = events(&log, &app, path).await;
            assert_eq!(event.lines().count(), 1, "{mount}, {path}: {event}");
            assert!(event.starts_with(says), "{mount}, {path}: {event}");
            if presented {
                assert!(event.contains(text), "{mount}, {path}: {event}");
            }
        }
    }
}

#[tokio::test]
async fn a_problem_leaves_one_event_without_any_layer() {
    let (log, _guard) = Log::listen();
    for (path, says, _) in [ERRORS[0], ERRORS[1], ERRORS[7]] {
        let event = events(&log, &plain(), path).await;
        assert_eq!(event.lines().count(), 1, "{path}: {event}");
        assert!(event.starts_with(says), "{path}: {event}");
    }
}

#[tokio::test]
async fn a_panic_leaves_one_event_however_the_presentation_is_mounted() {
    let handler = || compose((with_presentation(), no_store())).handler(panics);
    let apps = [
        Router::new().route("/", get(handler())),
        Router::new()
            .route("/", get(panics))
            .layer(compose((with_presentation(),))),
        Router::new()
            .route("/", get(compose(no_store()).handler(panics)))
            .layer(compose((cors(), own_shape()))),
        Router::new()
            .route("/", get(handler()))
            .layer(compose((cors(), with_presentation()))),
    ];
    let (log, _guard) = Log::listen();
    for app in apps {
        let event = events(&log, &app, "/").await;
        assert_eq!(event.lines().count(), 1, "{event}");
        assert!(event.contains("panic=\"out of luck\""), "{event}");
    }
}

/// Replaces every response.
#[derive(Clone)]
struct Corrupting;

impl Place for Corrupting {
    type Stage = stage::Admit;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        "with_corruption"
    }
}

impl<B> Middleware<B> for Corrupting {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        Step::next(request, ())
    }

    fn after<R: wythe::ReplyBody>(&self, (): (), response: &mut http::Response<R>) {
        *response = Problem::internal("the response is corrupt")
            .into_response()
            .map(R::from);
    }
}

#[tokio::test]
async fn a_refusal_of_a_layer_leaves_one_event_whatever_stands_around_it() {
    let ok = || get(async || "ok");
    let closing = || with(Closed(Problem::unavailable("nobody is there")));
    let closed = "WARN message=refused layer=\"with_opening_hours\" status=503";
    let slow = || get(async || tokio::time::sleep(Duration::from_secs(60)).await);
    let timeout =
        || TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_millis(1));
    let cases = [
        (
            Router::new().route("/", get(compose((closing(),)).handler(async || "ok"))),
            closed,
        ),
        (
            Router::new()
                .route("/", get(compose((closing(),)).handler(async || "ok")))
                .layer(compose((cors(), with_presentation()))),
            closed,
        ),
        (
            Router::new()
                .route("/", ok())
                .layer(compose((cors(), own_shape(), closing()))),
            closed,
        ),
        (
            Router::new().route(
                "/",
                get(compose((closing(),)).handler(async || "ok")).layer(compose((cors(),))),
            ),
            closed,
        ),
        (
            Router::new().route("/", ok()).layer(compose((
                cors(),
                with_presentation(),
                with(Corrupting),
            ))),
            "ERROR message=refused layer=\"with_corruption\" status=500 cause=the response is corrupt",
        ),
        (
            Router::new()
                .route("/", slow())
                .layer(compose((cors(), timeout()))),
            "ERROR message=server error layer=\"handler\" status=504",
        ),
        (
            Router::new().route("/", slow()).layer(compose((
                cors(),
                with_presentation(),
                timeout(),
            ))),
            "ERROR message=server error layer=\"handler\" status=504",
        ),
    ];
    let (log, _guard) = Log::listen();
    for (app, says) in cases {
        let event = events(&log, &app, "/").await;
        assert_eq!(event.lines().count(), 1, "{says}: {event}");
        assert!(event.starts_with(says), "{says}: {event}");
    }
}

#[tokio::test]
async fn an_error_on_plain_tower_leaves_one_event() {
    type Body = Full<Bytes>;

    async fn failing(_: Request<Body>) -> Result<http::Response<Body>, Problem> {
        Err(Problem::internal("the index is corrupt"))
    }
    async fn status(_: Request<Body>) -> http::Response<Body> {
        let mut response = http::Response::new(Body::default());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    }
    async fn event<S>(log: &Log, service: S) -> String
    where
        S: Service<Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    {
        let response = service
            .oneshot(Request::new(Body::default()))
            .await
            .unwrap();
        assert!(response.status().is_server_error());
        log.take()
    }

    let (log, _guard) = Log::listen();
    let tower = |problem: Problem| {
        service_fn(move |_: Request<Body>| {
            let response = problem.clone().into_response().map(Body::from);
            async { Ok::<_, Infallible>(response) }
        })
    };
    let events = [
        event(&log, compose(no_store()).service_fn(failing)).await,
        event(&log, endpoint().get(failing)).await,
        event(
            &log,
            endpoint().get(compose(no_store()).service_fn(failing)),
        )
        .await,
        event(&log, compose(cors()).service(endpoint().get(failing))).await,
        event(
            &log,
            compose(cors()).service(tower(Problem::internal("the index is corrupt"))),
        )
        .await,
    ];
    for event in events {
        let says =
            "ERROR message=refused layer=\"handler\" status=500 cause=the index is corrupt\n";
        assert_eq!(event, says);
    }
    let events = [
        event(&log, compose(no_store()).service_fn(status)).await,
        event(&log, endpoint().get(status)).await,
        event(&log, compose(cors()).service(endpoint().get(status))).await,
        event(
            &log,
            compose((cors(), with_presentation())).service_fn(status),
        )
        .await,
    ];
    for event in events {
        assert_eq!(
            event,
            "ERROR message=server error layer=\"handler\" status=502\n"
        );
    }
}

/// A problem that is built once is logged for each response.
#[tokio::test]
async fn a_problem_that_is_cloned_leaves_an_event_for_each_response() {
    let (log, _guard) = Log::listen();
    let problem = Problem::internal("the index is corrupt");
    let state = problem.clone();
    let app: Router = Router::new()
        .route(
            "/",
            get(async |extract::State(problem): extract::State<Problem>| problem),
        )
        .with_state(state)
        .layer(compose((cors(), with_presentation())));
    for _ in 0..2 {
        let event = events(&log, &app, "/").await;
        assert_eq!(event.lines().count(), 1, "{event}");
    }
}

/// A middleware of the application that gives errors another body.
#[tokio::test]
async fn a_response_that_keeps_its_extensions_in_another_body_is_not_logged_again() {
    async fn own_shape(response: Response) -> Response {
        let (head, _) = response.into_parts();
        let mut own = (head.status, Json("an error")).into_response();
        *own.extensions_mut() = head.extensions;
        own
    }
    let app: Router = routes!(handler => get(compose(no_store()).handler(handler)))
        .layer(axum::middleware::map_response(own_shape))
        .layer(compose((cors(), with_presentation())));
    let (log, _guard) = Log::listen();
    for (path, says, _) in ERRORS {
        let event = events(&log, &app, path).await;
        assert_eq!(event.lines().count(), 1, "{path}: {event}");
        assert!(event.starts_with(says), "{path}: {event}");
    }
}
