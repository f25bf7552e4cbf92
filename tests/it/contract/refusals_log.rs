//! Every refusal is logged as one event with the layer's name, a fixed reason, and a level that
//! says who should look at it.

use std::{
    convert::Infallible,
    future::{Ready, poll_fn},
    task::{Context, Poll},
};

use axum::{Router, body::Body, routing::post};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;
use tower::{Layer, Service, ServiceExt};
use wythe::{
    ClientIpSource, ConcurrencyLimit, IpFilter, Json, Later, Methods, Middleware, PeerAddr, Place,
    Problem, Quota, RateLimit, RequestHead, Step, compose,
    rate_limit::{Overflow, Quotas},
    stage, with, with_client_ip, with_concurrency_limit, with_ip_filter, with_load_shed,
    with_methods, with_rate_limit, with_validation,
};

use crate::common::{self, Closed, log::Log};

const NOT_IN_THE_LOG: &str = "hunter2";

#[derive(Deserialize, garde::Validate)]
struct Name {
    #[garde(length(max = 3))]
    name: String,
}

/// A user's own middleware without a name, which rejects every request.
#[derive(Clone)]
struct Nameless;

impl Place for Nameless {
    type Stage = stage::Admit;
    type Provides = ();
    type Needs = ();
}

impl<B> Middleware<B> for Nameless {
    type Carry = ();

    fn before(&self, _: Request<B>) -> Later<Step<B, ()>> {
        let mut response = Response::new(bytes::Bytes::new());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        Step::reply(response)
    }
}

fn request() -> Request<Body> {
    let peer = "203.0.113.9:50123".parse().unwrap();
    Request::post("/hunter2?key=hunter2")
        .header("x-secret", NOT_IN_THE_LOG)
        .header("content-type", "application/json")
        .extension(PeerAddr(peer))
        .body(Body::empty())
        .unwrap()
}

macro_rules! behind {
    ($layer:expr) => {
        Router::new().route(
            "/{id}",
            post(compose(($layer,)).handler(async || "ok")).get(async || "ok"),
        )
    };
}

/// The event of this request, if it logs exactly one.
async fn event(log: &Log, app: Router, request: Request<Body>) -> String {
    let response = app.oneshot(request).await.unwrap();
    let event = log.take();
    let passes = !response.status().is_client_error() && !response.status().is_server_error();
    assert_eq!(event.lines().count(), usize::from(!passes), "{event}");
    assert!(!event.contains(NOT_IN_THE_LOG), "{event}");
    event
}

type Case = (Router, Request<Body>, &'static str);

async fn hold(log: &Log, cases: Vec<Case>) {
    for (app, request, expected) in cases {
        let event = event(log, app, request).await;
        assert!(event.starts_with(&start(expected)), "{expected}: {event}");
    }
}

fn limit() -> Quotas {
    RateLimit::of([Quota::per_hour(1)]).unwrap()
}

async fn of_limits(log: &Log) -> Vec<Case> {
    let spent = behind!(with_rate_limit(limit().by_peer()));
    assert_eq!(event(log, spent.clone(), request()).await, "");
    let full = limit().by_peer().max_keys(1, Overflow::Refuse).unwrap();
    let full = behind!(with_rate_limit(full));
    for other in 0..64_u8 {
        let mut request = request();
        let peer = std::net::SocketAddr::from(([192, 0, 2, other], 9));
        request.extensions_mut().insert(PeerAddr(peer));
        event(log, full.clone(), request).await;
    }
    let mut twice = request();
    let again = "hunter2, too".parse().unwrap();
    twice.headers_mut().append("x-secret", again);
    let by_header = wythe::key::dangerously_client_header("x-secret").unwrap();
    let by_header = behind!(with_rate_limit(limit().keyed(by_header)));
    vec![
        (spent, request(), "DEBUG with_rate_limit 429 quota"),
        (full, request(), "DEBUG with_rate_limit 503 store_full"),
        (by_header, twice, "DEBUG with_rate_limit 400 several_fields"),
    ]
}

fn of_addresses_and_methods() -> Vec<Case> {
    let (mut unknown, mut nobody) = (request(), request());
    *unknown.method_mut() = Method::from_bytes(b"BREW").unwrap();
    nobody.extensions_mut().remove::<PeerAddr>();
    let methods = || with_methods(Methods::list([Method::PUT]).unwrap());
    let any = Router::new().route("/{id}", axum::routing::any(async || "ok"));
    let deny = IpFilter::deny(["203.0.113.0/24"]).unwrap().by_peer();
    let peer = with_client_ip(ClientIpSource::peer());
    vec![
        (behind!(peer), nobody, "ERROR with_client_ip 500 -"),
        (
            behind!(with_ip_filter(deny)),
            request(),
            "DEBUG with_ip_filter 403 network",
        ),
        (
            behind!(methods()),
            request(),
            "DEBUG with_methods 405 method",
        ),
        (
            any.layer(compose((methods(),))),
            unknown,
            "DEBUG with_methods 501 unknown_method",
        ),
    ]
}

fn of_validation() -> Vec<Case> {
    // The content type and body of a request, and the event.
    let cases = [
        ("", "", "DEBUG with_validation 400 no_body"),
        (
            "text/plain",
            "hunter2",
            "DEBUG with_validation 415 media_type",
        ),
        (
            "application/json",
            r#"{"name":"hunter2"#,
            "DEBUG with_validation 400 malformed",
        ),
        (
            "application/json",
            r#"{"name":"hunter2"}"#,
            "DEBUG with_validation 422 invalid",
        ),
        (
            "application/json",
            r#"{"hunter2":"hunter2"}"#,
            "DEBUG with_validation 422 invalid",
        ),
    ];
    let case = |(media_type, body, event): (&'static str, &'static str, _)| {
        let mut request = request().map(|_| Body::from(body));
        let fields = request.headers_mut();
        match media_type {
            "" => fields.remove("content-type"),
            _ => fields.insert("content-type", HeaderValue::from_static(media_type)),
        };
        (behind!(with_validation::<Json<Name>>()), request, event)
    };
    cases.into_iter().map(case).collect()
}

fn of_a_users_own() -> Vec<Case> {
    let closed = || Problem::new(StatusCode::SERVICE_UNAVAILABLE);
    let own = |problem| behind!(with(Closed(problem)));
    let sometimes = with(Closed(closed())).when(|_: &RequestHead<'_>| true);
    let (night, phone) = (
        closed().reason("night").expected(),
        Problem::unavailable("no line"),
    );
    vec![
        (own(closed()), request(), "ERROR with_opening_hours 503 -"),
        (
            behind!(sometimes),
            request(),
            "ERROR with_opening_hours 503 -",
        ),
        (own(night), request(), "DEBUG with_opening_hours 503 night"),
        (
            own(phone),
            request(),
            "WARN with_opening_hours 503 unavailable",
        ),
        (
            behind!(with(Nameless)),
            request(),
            concat!("ERROR ", module_path!(), "::Nameless 502 -"),
        ),
    ]
}

/// `DEBUG with_auth 401 expired`, as the log prints it.
fn start(words: &str) -> String {
    let mut words = words.split(' ');
    let [level, layer, status, reason] = [(); 4].map(|()| words.next().unwrap());
    let reason = match reason {
        "-" => String::new(),
        reason => format!(" reason=\"{reason}\""),
    };
    format!("{level} message=refused layer=\"{layer}\" status={status}{reason}")
}

async fn of_handlers(log: &Log) {
    async fn absent() -> Result<(), Problem> {
        Err(Problem::new(StatusCode::NOT_FOUND).detail("There is no user 7."))
    }
    async fn broken() -> Result<(), Problem> {
        Err(Problem::internal("the index is corrupt"))
    }
    async fn waiting() -> Result<(), Problem> {
        Err(Problem::unavailable("connection refused"))
    }
    let stack = compose(());
    let app = Router::new()
        .route("/absent", post(stack.clone().handler(absent)))
        .route("/broken", post(stack.clone().handler(broken)))
        .route("/waiting", post(stack.handler(waiting)));
    for (path, expected, words) in [
        (
            "/absent",
            "DEBUG handler 404 -",
            "detail=\"There is no user 7.\"",
        ),
        (
            "/broken",
            "ERROR handler 500 -",
            "cause=the index is corrupt",
        ),
        (
            "/waiting",
            "WARN handler 503 unavailable",
            "cause=connection refused",
        ),
    ] {
        let mut request = request();
        *request.uri_mut() = path.parse().unwrap();
        let event = event(log, app.clone(), request).await;
        assert!(event.starts_with(&start(expected)), "{expected}: {event}");
        assert!(event.contains(words), "{words}: {event}");
    }
}

/// Never ready.
#[derive(Clone)]
struct Busy;

impl Service<Request<common::Body>> for Busy {
    type Response = Response<common::Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<common::Body>) -> Self::Future {
        unreachable!("it is not ready")
    }
}

async fn of_layers_with_a_service_of_their_own(log: &Log) {
    let mut shed = with_load_shed().layer(Busy);
    poll_fn(|cx| shed.poll_ready(cx)).await.unwrap();
    let response = shed.call(Request::new(common::empty())).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let event = log.take();
    let expected = start("DEBUG with_load_shed 503 overload");
    assert!(event.starts_with(&expected), "{event}");

    let limit = with_concurrency_limit(ConcurrencyLimit::of(1).unwrap());
    let mut limited = limit.layer(common::Ok200);
    let _in_progress = limited.call(Request::new(common::empty())).await.unwrap();
    let response = limited.call(Request::new(common::empty())).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let event = log.take();
    let expected = start("DEBUG with_concurrency_limit 503 concurrency");
    assert!(event.starts_with(&expected), "{event}");
}

#[tokio::test(flavor = "current_thread")]
async fn logs_each_refusal_as_one_event_with_its_layer_reason_and_level() {
    let (log, _guard) = Log::listen();
    let of_limits = of_limits(&log).await;
    for cases in [
        of_limits,
        of_addresses_and_methods(),
        of_validation(),
        of_a_users_own(),
    ] {
        hold(&log, cases).await;
    }
    of_handlers(&log).await;
    of_layers_with_a_service_of_their_own(&log).await;
}
