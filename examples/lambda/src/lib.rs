//! An API as a function of AWS Lambda, behind API Gateway, a function URL or a load balancer.
//!
//! ```text
//! cargo build --release -p example-lambda --target x86_64-unknown-linux-musl
//! cp target/x86_64-unknown-linux-musl/release/example-lambda bootstrap && zip function.zip bootstrap
//! ```
//!
//! The runtime is `provided.al2023`. Set `JWT_SECRET`, the key of the tokens. `cargo test -p example-lambda`
//! runs the program with events as the platform sends them.
//!
//! `lambda_http` turns an event into a request; this file adds whose it is, and calls the API.

use std::{convert::Infallible, net::IpAddr, time::Duration};

use axum::{Json, body::Body, http::Uri};
use lambda_http::{RequestExt, request::RequestContext};
use serde::{Deserialize, Serialize};
use tower_service::Service;
use wythe::{
    Api, Auth, CacheControl, ConfigError, Jwt, Quota, Timeout, Valid, api::ApiService, compose,
    with_auth, with_cache_control, with_presentation, with_rate_limit, with_timeout,
    with_validation,
};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

#[derive(Serialize)]
struct Profile {
    user: String,
}

#[derive(Deserialize, garde::Validate)]
struct Note {
    #[garde(length(chars, min = 1, max = 100))]
    text: String,
}

async fn show_profile(Auth(claims): Auth<Claims>) -> Json<Profile> {
    Json(Profile { user: claims.sub })
}

async fn create_note(note: Valid<Json<Note>>) -> String {
    format!("{} characters", note.text.chars().count())
}

/// The routes, for tokens that are signed with this secret.
///
/// # Errors
///
/// The secret is too short.
pub fn api(secret: &[u8]) -> Result<ApiService, ConfigError> {
    let jwt = Jwt::<Claims>::hs256(secret)?;
    // Below the time limit of the function: the client gets a problem, not the platform's error.
    let in_time = with_timeout(Timeout::after(Duration::from_secs(2))?);
    // An instance counts by itself, and the platform runs as many as there are requests at a time. For one
    // limit over all, share it in Redis.
    let limit = with_rate_limit(Quota::per_minute(3).by_peer()?);
    let read = compose((
        with_auth(jwt.clone()),
        with_cache_control(CacheControl::no_store()),
    ));
    let write = compose((limit, with_auth(jwt), with_validation::<Json<Note>>()));
    Api::<Auth<Claims>>::new("Lambda", "1.0.0")
        .around(compose((with_presentation(), in_time)))
        .get("/me", read.handler(show_profile))
        .post("/notes", write.handler(create_note))
        .public("the load balancer has no token", |open| {
            open.get("/health", compose(()).handler(async || "healthy"))
        })
        .service(())
}

/// Answers one event.
///
/// # Errors
///
/// None: what is wrong is an answer.
pub async fn answer(
    mut api: ApiService,
    mut event: lambda_http::Request,
) -> Result<axum::response::Response, Infallible> {
    let peer = peer(&event);
    if let Some(target) = without_stage(&event) {
        *event.uri_mut() = target;
    }
    let request = event.map(Body::new);
    match peer {
        Some(peer) => api.connected((peer, 0).into()).call(request).await,
        // A limit by address is 500 then, and the log says why.
        None => api.call(request).await,
    }
}

/// The target without the stage of an API of API Gateway, which is not part of the routes: `/prod/notes` in the
/// stage `prod`.
fn without_stage(event: &lambda_http::Request) -> Option<Uri> {
    let (stage, is_in_event) = match event.request_context_ref()? {
        // `lambda_http` adds it.
        RequestContext::ApiGatewayV1(context) => (context.stage.as_deref()?, false),
        RequestContext::ApiGatewayV2(context) => (context.stage.as_deref()?, true),
        _ => return None,
    };
    let below_stage = |path: &str| {
        let rest = path.strip_prefix('/')?.strip_prefix(stage)?;
        match rest {
            "" => Some("/".to_owned()),
            rest => rest.starts_with('/').then(|| rest.to_owned()),
        }
    };
    if !is_in_event && below_stage(event.raw_http_path()).is_some() {
        // The route begins with the name of the stage, so `lambda_http` has not added it again.
        return None;
    }
    let mut target = event.uri().clone().into_parts();
    let path = below_stage(event.uri().path())?;
    let path = match event.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    target.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(target).ok()
}

/// Who has called the platform. It is not a field that a client could write.
fn peer(event: &lambda_http::Request) -> Option<IpAddr> {
    let address = match event.request_context_ref()? {
        // Function URLs send the same events.
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref()?,
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref()?,
        // A load balancer appends the address to what the client sent.
        RequestContext::Alb(_) => {
            let mut lines = event.headers().get_all("x-forwarded-for").iter();
            let last = lines.next_back()?.to_str().ok()?;
            last.rsplit(',').next()?.trim()
        }
        _ => return None,
    };
    address.parse().ok()
}
