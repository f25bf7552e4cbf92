//! Layers of other crates in a stack, and stacks where other crates expect a layer.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request as AxumRequest},
    middleware::{Next, from_fn},
    routing::get,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tokio::sync::Semaphore;
use tower::{
    ServiceBuilder, ServiceExt,
    limit::ConcurrencyLimitLayer,
    util::{MapRequestLayer, MapResponseLayer},
};
use wythe::{assume, compose, layer, with, with_body_adapter};

use crate::common::{
    self,
    tenancy::{Tenancy, Tenant},
};

async fn tenant(tenant: Tenant) -> String {
    tenant.0
}

fn request(tenant: &str) -> Request<Body> {
    Request::get("/")
        .header("x-tenant", tenant)
        .body(Body::empty())
        .unwrap()
}

async fn call(app: Router, request: Request<Body>) -> Response<Bytes> {
    common::read(app.oneshot(request).await.unwrap()).await
}

#[tokio::test]
async fn an_axum_middleware_function_works_in_a_stack() {
    async fn shout(request: AxumRequest, next: Next) -> axum::response::Response {
        let mut response = next.run(request).await;
        response
            .headers_mut()
            .insert("x-shout", "hey".parse().unwrap());
        response
    }
    let stack = compose((layer(from_fn(shout)), with(Tenancy)));
    let app = Router::new().route("/", get(stack.handler(tenant)));
    let response = call(app, request("acme")).await;
    assert_eq!(
        (response.body().as_ref(), &response.headers()["x-shout"]),
        (&b"acme"[..], &"hey".parse().unwrap())
    );
}

#[tokio::test]
async fn a_foreign_layer_sees_requests_and_responses_at_its_position() {
    let rename = MapRequestLayer::new(|mut request: Request<Body>| {
        request
            .headers_mut()
            .insert("x-tenant", "renamed".parse().unwrap());
        request
    });
    let teapot = MapResponseLayer::new(|mut response: axum::response::Response| {
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    });
    let stack = compose((layer(rename), with(Tenancy), layer(teapot)));
    let app = Router::new().route("/", get(stack.handler(tenant)));
    let response = call(app, request("acme")).await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(response.body(), "renamed");
}

#[tokio::test]
async fn a_foreign_layer_is_polled_to_readiness_before_it_is_called() {
    // `ConcurrencyLimit` panics if it is called without having been polled to readiness.
    let stack = compose((with(Tenancy), layer(ConcurrencyLimitLayer::new(1))));
    let app = Router::new().route("/", get(stack.handler(tenant)));
    for _ in 0..3 {
        assert_eq!(call(app.clone(), request("acme")).await.body(), "acme");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_limit_inside_a_stack_holds_over_all_requests() {
    let permits = Arc::new(Semaphore::new(1));
    let limit = tower::limit::GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
    let stack = compose((with(Tenancy), layer(limit)));
    let app = Router::new().route("/", get(stack.handler(tenant)));
    let held = permits.acquire().await.unwrap();
    let waiting = tokio::spawn(call(app, request("acme")));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!waiting.is_finished(), "the request waits for a permit");
    drop(held);
    assert_eq!(waiting.await.unwrap().body(), "acme");
}

#[tokio::test]
async fn a_stack_works_as_a_layer_of_a_router_and_of_a_route() {
    let outer = compose((with(Tenancy),));
    let inner = compose((assume::<Tenant>(),));
    let whole = Router::new()
        .route("/", get(inner.handler(tenant)))
        .layer(outer.clone());
    assert_eq!(call(whole, request("acme")).await.body(), "acme");

    let route = get(inner.handler(tenant)).layer(ServiceBuilder::new().layer(outer));
    let app = Router::new()
        .route("/", route)
        .route("/open", get(|| async { "open" }));
    assert_eq!(call(app.clone(), request("acme")).await.body(), "acme");
    let open = Request::get("/open").body(Body::empty()).unwrap();
    assert_eq!(call(app, open).await.body(), "open");
}

#[tokio::test]
async fn a_router_around_stacks_keeps_connect_info_and_nesting() {
    async fn handler(ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>) -> String {
        peer.to_string()
    }
    let stack = compose((with(Tenancy),));
    let api = Router::new().route("/peer", get(stack.handler(handler)));
    let app = Router::new().nest("/api", api);
    let peer: std::net::SocketAddr = "127.0.0.1:7".parse().unwrap();
    let mut request = Request::get("/api/peer")
        .header("x-tenant", "acme")
        .body(Body::empty());
    request
        .as_mut()
        .unwrap()
        .extensions_mut()
        .insert(ConnectInfo(peer));
    assert_eq!(call(app, request.unwrap()).await.body(), "127.0.0.1:7");
}

#[tokio::test]
async fn following_the_compilers_advice_about_bodies_compiles() {
    // Without `with_body_adapter`, this is `tests/messages/body_without_from_bytes.rs`.
    let boxed = MapResponseLayer::new(|response: axum::response::Response| {
        response.map(http_body_util::combinators::UnsyncBoxBody::new)
    });
    let stack = compose((with(Tenancy), with_body_adapter(), layer(boxed)));
    let app = Router::new().route("/", get(stack.handler(tenant)));
    assert_eq!(call(app.clone(), request("acme")).await.body(), "acme");
    let refused = call(app, Request::get("/").body(Body::empty()).unwrap()).await;
    common::problem(&refused, StatusCode::BAD_REQUEST);
}
