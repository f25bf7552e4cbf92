//! What layers around a router provide to plain handlers, and what is missing without them.

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, request::Parts};
use tower::ServiceExt;
use wythe::{
    Auth, FromLayer, Later, assume,
    auth::{Authenticate, Verdict},
    compose, with_auth,
};

use crate::common::{self, log::Log};

async fn call(app: Router, request: Request<Body>) -> Response<Bytes> {
    common::read(app.oneshot(request).await.unwrap()).await
}

/// The owner of a key.
#[derive(Clone)]
struct Owner(&'static str);

const KEY: &str = "ada's key";

/// Keys in `X-Api-Key`.
#[derive(Clone, Copy)]
struct Keys;

impl Authenticate for Keys {
    type Principal = Owner;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Key")
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<Owner>> {
        Later::Ready(match head.headers.get("x-api-key") {
            None => Verdict::Missing,
            Some(key) if key == KEY => Verdict::Verified(Owner("ada")),
            Some(_) => Verdict::refused("an unknown key"),
        })
    }
}

async fn required(FromLayer(Auth(owner)): FromLayer<Auth<Owner>>) -> &'static str {
    owner.0
}

async fn optional(owner: Option<FromLayer<Auth<Owner>>>) -> &'static str {
    owner.map_or("nobody", |FromLayer(Auth(owner))| owner.0)
}

fn plain(path: &str, key: Option<&str>) -> Request<Body> {
    let mut request = Request::get(path);
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    request.body(Body::empty()).unwrap()
}

/// Asserts that the answer to a request without a key is a 500, with one event that names the type.
async fn is_missing(app: Router, path: &str) {
    let (log, _guard) = Log::listen();
    let response = call(app, plain(path, None)).await;
    common::problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
    let log = log.take();
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("Auth<") && log.contains("Owner"), "{log}");
}

#[tokio::test]
async fn a_plain_handler_takes_what_a_layer_around_the_router_provides() {
    let app = Router::new()
        .route("/required", get(required))
        .route("/optional", get(optional))
        .layer(compose(with_auth(Keys)));
    for path in ["/required", "/optional"] {
        assert_eq!(
            call(app.clone(), plain(path, Some(KEY))).await.body(),
            "ada"
        );
        let refused = call(app.clone(), plain(path, None)).await;
        common::problem(&refused, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn an_option_is_none_if_an_optional_layer_found_nobody() {
    let app = Router::new()
        .route("/optional", get(optional))
        .layer(compose(with_auth(Keys).optional()));
    let known = call(app.clone(), plain("/optional", Some(KEY))).await;
    assert_eq!(known.body(), "ada");
    let nobody = call(app, plain("/optional", None)).await;
    assert_eq!(nobody.body(), "nobody");
}

#[tokio::test]
async fn an_option_is_none_if_a_condition_bypassed_the_layer() {
    let layer = with_auth(Keys).when(|head| head.headers().contains_key("x-api-key"));
    let app = Router::new()
        .route("/optional", get(optional))
        .layer(compose(layer));
    let nobody = call(app, plain("/optional", None)).await;
    assert_eq!(nobody.body(), "nobody");
}

#[tokio::test]
async fn a_missing_layer_is_a_500_and_never_an_unknown_client() {
    let stack = || compose(with_auth(Keys).optional());
    let late = Router::new()
        .layer(stack())
        .route("/required", get(required))
        .route("/optional", get(optional));
    for app in [
        Router::new()
            .route("/required", get(required))
            .route("/optional", get(optional)),
        late,
    ] {
        is_missing(app.clone(), "/required").await;
        is_missing(app, "/optional").await;
    }
}

#[tokio::test]
async fn an_assumed_layer_that_did_not_run_is_a_500() {
    let required =
        compose(assume::<Auth<Owner>>()).handler(async |Auth(owner): Auth<Owner>| owner.0);
    let optional = compose(assume::<Option<Auth<Owner>>>())
        .handler(async |owner: Option<Auth<Owner>>| owner.map_or("nobody", |Auth(owner)| owner.0));
    let inner = Router::new()
        .route("/required", get(required))
        .route("/optional", get(optional));
    is_missing(inner.clone(), "/required").await;
    is_missing(inner.clone(), "/optional").await;

    let outer = inner.layer(compose(with_auth(Keys).optional()));
    assert_eq!(
        call(outer.clone(), plain("/optional", None)).await.body(),
        "nobody"
    );
    assert_eq!(
        call(outer, plain("/optional", Some(KEY))).await.body(),
        "ada"
    );
}
