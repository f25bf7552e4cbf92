//! Stacks around axum handlers.

use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    extract::{
        FromRequest, FromRequestParts, OptionalFromRequestParts, Path, Query,
        Request as AxumRequest, State,
    },
    routing::{get, post},
};
use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri, Version, header,
    request::Parts,
};
use tower::ServiceExt;
use wythe::{Place, Sometimes, compose, placed, stage, with};

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
        tenant: Tenant,
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
         _: HeaderMap,
         _: Option<axum::Extension<u8>>,
         _: Result<axum::Extension<u16>, axum::extract::rejection::ExtensionRejection>,
         _: State<()>,
         tenant: Tenant,
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
    let stack = compose((with(Tenancy).when(|head| head.headers().contains_key("x-tenant")),));
    let handler = stack.handler(|tenant: Option<Tenant>| async move {
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
    let handler = stack.handler::<_, _, _, (), _, _>(|| async { "hello" });
    assert_eq!(handler.to_string(), stack.to_string());
    assert_eq!(handler.describe().len(), 1);
}

/// An extractor of another crate: the agent of the client.
struct Agent(String);

impl<S: Sync> FromRequestParts<S> for Agent {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let agent = parts.headers.get(header::USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok());
        agent
            .map(|agent| Self(agent.to_owned()))
            .ok_or(StatusCode::IM_A_TEAPOT)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Agent {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Infallible> {
        Ok(
            <Self as FromRequestParts<S>>::from_request_parts(parts, state)
                .await
                .ok(),
        )
    }
}

/// An extractor of another crate that takes the body.
struct Length(usize);

impl<S: Send + Sync> FromRequest<S> for Length {
    type Rejection = StatusCode;

    async fn from_request(request: AxumRequest, _: &S) -> Result<Self, StatusCode> {
        let body = axum::body::to_bytes(request.into_body(), 100).await;
        let body = body.map_err(|_too_long| StatusCode::PAYLOAD_TOO_LARGE)?;
        Ok(Self(body.len()))
    }
}

fn tenant_request(field: Option<(HeaderName, &str)>) -> Request<Body> {
    let mut request = Request::post("/").header("x-tenant", "acme");
    if let Some((name, value)) = field {
        request = request.header(name, value);
    }
    request.body(Body::from("hello")).unwrap()
}

#[tokio::test]
async fn an_extractor_of_another_crate_needs_no_wrapper() {
    let stack = compose(with(Tenancy));
    let app = |handler| Router::<()>::new().route("/", handler);

    let first = post(stack.handler(
        async |Agent(agent): Agent, Tenant(tenant): Tenant, Length(length): Length| {
            format!("{agent} {tenant} {length}")
        },
    ));
    let agent = tenant_request(Some((header::USER_AGENT, "curl")));
    assert_eq!(call(app(first.clone()), agent).await.body(), "curl acme 5");
    let refused = call(app(first), tenant_request(None)).await;
    assert_eq!(refused.status(), StatusCode::IM_A_TEAPOT);

    let optional = post(stack.handler(
        async |agent: Option<Agent>, result: Result<Agent, StatusCode>, Tenant(tenant): Tenant| {
            format!("{} {} {tenant}", agent.is_some(), result.is_ok())
        },
    ));
    let response = call(app(optional), tenant_request(None)).await;
    assert_eq!(response.body(), "false false acme");

    let parts_last = post(
        stack.handler(async |Tenant(tenant): Tenant, Agent(agent): Agent| {
            format!("{agent} {tenant}")
        }),
    );
    let agent = tenant_request(Some((header::USER_AGENT, "curl")));
    assert_eq!(call(app(parts_last), agent).await.body(), "curl acme");
}

/// A layer with a service of its own, which provides nothing to anybody.
#[derive(Clone)]
struct Silent;

impl<S> tower::Layer<S> for Silent {
    type Service = S;

    fn layer(&self, inner: S) -> S {
        inner
    }
}

impl Place for Silent {
    type Stage = stage::Admit;
    type Provides = Sometimes<Tenant>;
    type Needs = ();
}

#[tokio::test]
async fn a_layer_with_a_service_of_its_own_provides_an_option() {
    let stack = compose(placed(Silent));
    let handler = stack.handler(async |tenant: Option<Tenant>| format!("{tenant:?}"));
    let app = Router::new().route("/", get(handler));
    assert_eq!(
        call(app, Request::get("/").body(Body::empty()).unwrap())
            .await
            .body(),
        "None"
    );
}
