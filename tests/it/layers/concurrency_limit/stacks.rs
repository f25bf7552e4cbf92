//! What the layer can be placed around, and next to which layers.

use axum::{Router, body::Body as AxumBody, response::Response as AxumResponse, routing::get};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, request::Parts};
use http_body_util::Full;
use tower::ServiceExt;
use wythe::{
    Body, CacheControl, ConcurrencyLimit, Later, Placed, RequestHead,
    auth::{Authenticate, Verdict},
    compose,
    concurrency_limit::{ConcurrencyLimiter, Overall},
    endpoint, with, with_auth, with_body_adapter, with_cache_control, with_concurrency_limit,
    with_presentation, with_presentation_as,
};

use super::{counts, only};
use crate::common::{problem, read, tenancy::Tenancy};

fn request(method: Method) -> Request<AxumBody> {
    let request = Request::builder().method(method).header("x-tenant", "acme");
    request.body(AxumBody::empty()).unwrap()
}

async fn call(app: &Router, method: Method) -> AxumResponse {
    let Ok(response) = app.clone().oneshot(request(method)).await;
    response
}

/// One response holds the only place; the next request is rejected; once the first is read there is
/// room.
async fn holds_one(app: Router, layer: &Placed<ConcurrencyLimiter<Overall>>, name: &str) {
    let first = call(&app, Method::GET).await;
    assert_eq!(first.status(), StatusCode::OK, "{name}");
    assert_eq!(counts(layer), (1, 0), "{name}");
    let refused = read(call(&app, Method::GET).await).await;
    assert_eq!(refused.headers()["retry-after"], "1", "{name}");
    problem(&refused, StatusCode::SERVICE_UNAVAILABLE);
    let refused = read(call(&app, Method::HEAD).await).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{name}");
    assert!(refused.body().is_empty(), "{name}");
    assert_eq!(read(first).await.body(), "hello", "{name}");
    assert_eq!(counts(layer), (0, 0), "{name}");

    // The response to HEAD has no body, so it is no longer in progress.
    let head = call(&app, Method::HEAD).await;
    assert_eq!(head.status(), StatusCode::OK, "{name}");
    assert_eq!(head.headers()["content-length"], "5", "{name}");
    drop(read(head).await);
    assert_eq!(counts(layer), (0, 0), "{name}");
}

async fn hello() -> &'static str {
    "hello"
}

#[tokio::test]
async fn works_around_axum_handlers_routes_and_routers() {
    let no_store = || with_cache_control(CacheControl::no_store());
    let layer = only(1);
    let stack = compose((layer.clone(),));
    let app = Router::new().route("/", get(stack.handler(hello)));
    holds_one(app, &layer, "handler").await;

    let stack = compose((with(Tenancy), layer.clone(), no_store()));
    let app = Router::new().route("/", get(stack.handler(hello)));
    holds_one(app, &layer, "handler, between other layers").await;

    let app = Router::new().route("/", get(hello).layer(stack.clone()));
    holds_one(app, &layer, "route").await;

    let app = Router::new().route("/", get(hello)).layer(stack.clone());
    holds_one(app, &layer, "router").await;

    let app = Router::new().route("/", get(hello)).layer(layer.clone());
    holds_one(app, &layer, "router, without a stack").await;

    let stack = compose((with_presentation(), layer.clone(), with(Tenancy)));
    let app = Router::new().route("/", get(hello)).layer(stack);
    holds_one(app, &layer, "presentation outside").await;

    let stack = compose((with_body_adapter(), layer.clone(), with_body_adapter()));
    let app = Router::new().route("/", get(stack.handler(hello)));
    holds_one(app, &layer, "one body outside and inside").await;

    let two = only(2);
    let stack = compose((layer.clone(), two.clone()));
    let app = Router::new().route("/", get(stack.handler(hello)));
    holds_one(app, &layer, "two limits").await;
    assert_eq!(counts(&two), (0, 0));
}

#[tokio::test]
async fn several_routes_can_share_one_limit() {
    let layer = only(1);
    let (one, other) = (compose((layer.clone(),)), compose((layer,)));
    let app = Router::new()
        .route("/", get(one.handler(hello)))
        .route("/other", get(other.handler(hello)));
    let _held = call(&app, Method::GET).await;
    let request = Request::get("/other").body(AxumBody::empty()).unwrap();
    let Ok(refused) = app.oneshot(request).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_outer_presentation_renders_its_refusals_and_panics_release_the_place() {
    let layer = only(1);
    let presentation = with_presentation_as(|problem, _| {
        (
            HeaderValue::from_static("text/plain"),
            Bytes::from(problem.to_string()),
        )
    });
    let stack = compose((presentation, layer.clone()));
    let app = Router::new()
        .route("/", get(hello))
        .route(
            "/crash",
            get(async || -> &'static str { panic!("out of luck") }),
        )
        .layer(stack);
    let crash = Request::get("/crash").body(AxumBody::empty()).unwrap();
    let Ok(crashed) = app.clone().oneshot(crash).await;
    assert_eq!(crashed.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(counts(&layer), (0, 0));

    let _held = call(&app, Method::GET).await;
    let refused = read(call(&app, Method::GET).await).await;
    assert_eq!(refused.headers()["retry-after"], "1");
    let text = String::from_utf8_lossy(refused.body()).into_owned();
    assert!(
        text.starts_with("503 Request cannot be satisfied"),
        "{text}"
    );
}

#[tokio::test]
async fn works_around_functions_and_in_endpoints_without_axum() {
    async fn hello(_: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        Response::new(Full::from("hello"))
    }
    let layer = only(1);
    let function = compose((with(Tenancy), layer.clone())).service_fn(hello);
    let request = || {
        let request = Request::get("/").header("x-tenant", "acme");
        request.body(Full::<Bytes>::default()).unwrap()
    };
    let Ok(held) = function.clone().oneshot(request()).await;
    assert_eq!(held.status(), StatusCode::OK);
    let Ok(refused) = function.oneshot(request()).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(held);

    // All handlers of an endpoint have the same body type; `with_body_adapter` converts a guarded
    // body to it.
    let guarded = compose((with_body_adapter(), layer.clone()))
        .service_fn(async |_: Request<Body>| Response::new(Body::from("hello")));
    let endpoint = endpoint()
        .get(guarded)
        .post(async |_: Request<Full<Bytes>>| Response::new(Body::from("posted")));
    let Ok(held) = endpoint.clone().oneshot(request()).await;
    assert_eq!(counts(&layer), (1, 0));
    let Ok(refused) = endpoint.clone().oneshot(request()).await;
    problem(&read(refused).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(read(held).await.body(), "hello");
    assert_eq!(counts(&layer), (0, 0));
}

/// Accepts every token.
struct AcceptAll;

impl Authenticate for AcceptAll {
    type Principal = String;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Token")
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<String>> {
        Later::Ready(
            match head
                .headers
                .get("authorization")
                .and_then(|token| token.to_str().ok())
            {
                None => Verdict::Missing,
                Some(token) => Verdict::Verified(token.to_owned()),
            },
        )
    }
}

#[tokio::test]
async fn an_overall_limit_goes_outside_authentication_and_one_by_principal_inside() {
    let by_user = |head: &RequestHead<'_>| {
        head.headers()
            .get("authorization")
            .map(|token| token.as_bytes().to_vec())
    };
    let all = with_concurrency_limit(ConcurrencyLimit::of(4).unwrap());
    let users = with_concurrency_limit(ConcurrencyLimit::of(1).unwrap().by(by_user).after_auth());
    let inner = with_concurrency_limit(ConcurrencyLimit::of(9).unwrap().after_auth());
    let stack = compose((
        all.clone(),
        with_auth(AcceptAll),
        users.clone(),
        inner.clone(),
    ));
    let app = Router::new().route("/", get(stack.handler(hello)));
    let as_user = |user: Option<&str>| {
        let mut request = Request::get("/");
        if let Some(user) = user {
            request = request.header("authorization", user);
        }
        app.clone()
            .oneshot(request.body(AxumBody::empty()).unwrap())
    };
    let mut held = Vec::new();
    for (user, expected) in [
        (None, 401),
        (Some("ann"), 200),
        (Some("ann"), 503),
        (Some("bob"), 200),
    ] {
        let Ok(response) = as_user(user).await;
        assert_eq!(response.status(), expected);
        held.push(response);
        assert_eq!(counts(&inner), counts(&users));
    }
    assert_eq!(users.inner().keys(), 2);
    // A request that is rejected further in counts outside until its response body has ended.
    assert_eq!(counts(&all), (4, 0));
    let Ok(response) = as_user(Some("cid")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    assert_eq!(counts(&all), (0, 0));
}
