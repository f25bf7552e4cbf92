//! Stacks around axum handlers.

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, Request as AxumRequest, State},
    routing::{get, post},
};
use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use tower::ServiceExt;
use wythe::{Extract, FromLayer, compose, with};

use crate::common::{
    self,
    tenancy::{Tenancy, Tenant},
};

async fn call(app: Router, request: Request<Body>) -> Response<Bytes> {
    common::read(app.oneshot(request).await.unwrap()).await
}

#[tokio::test]
async fn a_handler_gets_what_the_stack_provides_along_with_state_and_extractors() {
    async fn handler(
        State(n): State<u32>,
        Path(id): Path<String>,
        FromLayer(tenant): FromLayer<Tenant>,
        body: String,
    ) -> String {
        format!("{n} {id} {} {body}", tenant.0)
    }
    let stack = compose((with(Tenancy),));
    let app = Router::new()
        .route("/{id}", post(stack.handler(handler)))
        .with_state(3_u32);
    let request = Request::post("/7")
        .header("x-tenant", "acme")
        .body(Body::from("hi"));
    let response = call(app.clone(), request.unwrap()).await;
    assert_eq!(response.body(), "3 7 acme hi");

    let refused = call(app, Request::post("/7").body(Body::empty()).unwrap()).await;
    common::problem(&refused, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_handler_may_have_sixteen_arguments_and_be_a_closure() {
    let stack = compose((with(Tenancy),));
    let handler = stack.handler(
        |_: Method,
         _: Uri,
         _: Version,
         _: HeaderMap,
         _: Extensions,
         _: Path<(String, u8)>,
         _: (Query<Vec<(String, String)>>, Option<axum::Extension<u32>>),
         _: axum::extract::RawQuery,
         _: axum::extract::OriginalUri,
         _: axum::extract::MatchedPath,
         _: Extract<HeaderMap>,
         _: Option<axum::Extension<u8>>,
         _: Result<axum::Extension<u16>, axum::extract::rejection::ExtensionRejection>,
         _: State<()>,
         FromLayer(tenant): FromLayer<Tenant>,
         request: AxumRequest| async move {
            assert_eq!(request.uri().path(), "/a/1");
            tenant.0
        },
    );
    let app = Router::new().route("/{a}/{b}", get(handler));
    let request = Request::get("/a/1?x=1")
        .header("x-tenant", "acme")
        .body(Body::empty());
    assert_eq!(call(app, request.unwrap()).await.body(), "acme");
}

#[tokio::test]
async fn a_conditional_layer_provides_an_option() {
    let stack = compose((with(Tenancy).when(|head| head.headers.contains_key("x-tenant")),));
    let handler = stack.handler(|FromLayer(tenant): FromLayer<Option<Tenant>>| async move {
        tenant.map_or_else(|| "nobody".to_owned(), |tenant| tenant.0)
    });
    let app = Router::new().route("/", get(handler));
    let with = Request::get("/")
        .header("x-tenant", "acme")
        .body(Body::empty())
        .unwrap();
    assert_eq!(call(app.clone(), with).await.body(), "acme");
    let without = Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(call(app, without).await.body(), "nobody");
}

#[test]
fn a_handler_prints_its_stack() {
    let stack = compose((with(Tenancy),));
    let handler = stack.handler::<_, _, (), _, _>(|| async { "hello" });
    assert_eq!(handler.to_string(), stack.to_string());
    assert_eq!(handler.describe().len(), 1);
}

#[tokio::test]
async fn a_wrapped_extractor_may_be_last_whether_or_not_it_takes_the_body() {
    let stack = compose((with(Tenancy),));
    let app =
        Router::new()
            .route(
                "/parts",
                post(stack.handler(async |Extract(fields): Extract<HeaderMap>| {
                    format!("{}", fields.len())
                })),
            )
            .route(
                "/body",
                post(stack.handler(async |Extract(body): Extract<String>| body)),
            );
    for (uri, expected) in [("/parts", "1"), ("/body", "hi")] {
        let request = Request::post(uri)
            .header("x-tenant", "acme")
            .body(Body::from("hi"));
        assert_eq!(
            call(app.clone(), request.unwrap()).await.body(),
            expected,
            "{uri}"
        );
    }
}
