//! Stacks around plain async functions and services, without axum.

use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use wythe::{Problem, assume, compose, with};

use crate::common::{
    self, Body,
    tenancy::{Tenancy, Tenant},
};

fn request(tenant: Option<&str>) -> Request<Body> {
    let builder = common::get("/");
    let builder = match tenant {
        Some(tenant) => builder.header("x-tenant", tenant),
        None => builder,
    };
    builder.body(common::empty()).unwrap()
}

#[tokio::test]
async fn a_function_gets_what_the_stack_provides_and_the_request() {
    async fn handler(tenant: Tenant, request: Request<Body>) -> Response<Body> {
        Response::new(Full::from(format!("{} {}", tenant.0, request.uri())))
    }
    let service = compose((with(Tenancy),)).service_fn(handler);
    let response = common::read(
        service
            .clone()
            .oneshot(request(Some("acme")))
            .await
            .unwrap(),
    );
    assert_eq!(response.await.body(), "acme /");
    let refused = common::read(service.oneshot(request(None)).await.unwrap()).await;
    common::problem(&refused, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_function_may_return_a_problem_as_its_error() {
    let service = compose((with(Tenancy),)).service_fn(|_: Request<Body>| async {
        Err::<Response<Body>, _>(Problem::new(StatusCode::CONFLICT))
    });
    let response = service.oneshot(request(Some("acme"))).await.unwrap();
    common::problem(&common::read(response).await, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_missing_assumed_value_is_a_500_that_tells_the_client_nothing() {
    let service = compose((assume::<Tenant>(),))
        .service_fn(|_: Tenant, _: Request<Body>| async { Response::new(Body::default()) });
    let response = common::read(service.oneshot(request(None)).await.unwrap()).await;
    let json = common::problem(&response, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(json.get("detail").is_none(), "{json}");
    let problem = response.extensions().get::<Problem>().unwrap();
    assert!(problem.cause().unwrap().to_string().contains("Tenant"));
}

#[tokio::test]
async fn a_conditional_layer_provides_an_option() {
    let layer = with(Tenancy).except(|head| head.path() == "/");
    let service =
        compose((layer,)).service_fn(|tenant: Option<Tenant>, _: Request<Body>| async move {
            Response::new(Body::from(format!("{tenant:?}")))
        });
    let response = common::read(service.oneshot(request(None)).await.unwrap()).await;
    assert_eq!(response.body(), "None");
}

#[tokio::test]
async fn a_stack_is_a_layer_for_any_service() {
    let inner = service_fn(|request: Request<Body>| async move {
        let tenant = request.extensions().get::<Tenant>().unwrap().0.clone();
        Ok::<_, Infallible>(Response::new(Body::from(tenant)))
    });
    let service = ServiceBuilder::new()
        .layer(compose((with(Tenancy),)))
        .service(inner);
    let response = common::read(service.oneshot(request(Some("acme"))).await.unwrap()).await;
    assert_eq!(response.body(), "acme");
}

#[tokio::test]
async fn stacks_in_stacks_are_flat() {
    let base = compose((compose(()), with(Tenancy)));
    let stack = compose((base, compose((assume::<u8>(),))));
    let names: Vec<_> = stack
        .describe()
        .iter()
        .map(|(_, d)| d.name().to_owned())
        .collect();
    assert_eq!(names, ["Tenancy", "assume u8"]);
    assert_eq!(stack.to_string().lines().count(), 3, "{stack}");
}

#[tokio::test]
async fn a_response_to_head_has_a_content_length_and_no_body() {
    let service = compose((with(Tenancy),))
        .service_fn(|_: Request<Body>| async { Response::new(Body::default()) });
    let head = Request::head("/").body(common::empty()).unwrap();
    let response = common::read(service.clone().oneshot(head).await.unwrap()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.body().is_empty());
    let get = common::read(service.oneshot(request(None)).await.unwrap()).await;
    assert_eq!(
        response.headers()["content-length"],
        get.body().len().to_string()
    );
    assert_eq!(
        response.headers()["content-type"],
        get.headers()["content-type"]
    );
}
