//! The same work by hand, for this one handler: the cost without generality.

mod cors;
mod email;
mod limit;
mod token;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use http_body_util::BodyExt;
use std::{net::SocketAddr, sync::Arc};

use self::{limit::Limit, token::Verifier};
use crate::full_stack::{Created, NewUser};

struct Guards {
    limit: Limit,
    verifier: Verifier,
}

/// With axum's `Json`.
pub(crate) fn over_axum_json() -> Router {
    app(post(with_axum_json))
}

/// Reads the body and parses its JSON itself.
pub(crate) fn with_own_json() -> Router {
    app(post(with_serde_json))
}

fn app(route: axum::routing::MethodRouter<Arc<Guards>>) -> Router {
    let guards = Guards {
        limit: Limit::new(),
        verifier: Verifier::new(),
    };
    Router::new()
        .route("/users", route)
        .with_state(Arc::new(guards))
}

async fn with_axum_json(State(guards): State<Arc<Guards>>, request: Request) -> Response {
    let origin = cors::allowed(&request);
    let mut response = match before(&guards, &request) {
        Ok(()) => {
            match <Json<NewUser> as axum::extract::FromRequest<()>>::from_request(request, &())
                .await
            {
                Ok(Json(user)) => create(user),
                Err(rejection) => rejection.into_response(),
            }
        }
        Err(status) => status.into_response(),
    };
    after(origin, &mut response);
    response
}

async fn with_serde_json(State(guards): State<Arc<Guards>>, request: Request) -> Response {
    let origin = cors::allowed(&request);
    let mut response = match before(&guards, &request) {
        Ok(()) => match read(request).await {
            Ok(user) => create(user),
            Err(status) => status.into_response(),
        },
        Err(status) => status.into_response(),
    };
    after(origin, &mut response);
    response
}

/// Rate limit and token.
fn before(guards: &Guards, request: &Request) -> Result<(), StatusCode> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    if !guards.limit.admits(peer.0.ip()) {
        return Err(StatusCode::TOO_MANY_REQUESTS);
    }
    let claims = guards.verifier.claims(request.headers());
    std::hint::black_box(claims.ok_or(StatusCode::UNAUTHORIZED)?);
    Ok(())
}

/// CORS and cache-control.
fn after(origin: Option<HeaderValue>, response: &mut Response) {
    let headers = response.headers_mut();
    cors::answer(origin, headers);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

async fn read(request: Request) -> Result<NewUser, StatusCode> {
    if request.headers().get(header::CONTENT_TYPE)
        != Some(&HeaderValue::from_static("application/json"))
    {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let body: Result<Bytes, _> = request.into_body().collect().await.map(|b| b.to_bytes());
    let body = body.map_err(|_| StatusCode::BAD_REQUEST)?;
    serde_json::from_slice(&body).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)
}

fn create(user: NewUser) -> Response {
    let NewUser { name, email, age } = user;
    let valid = (2..=50).contains(&name.chars().count())
        && email::is_valid(&email)
        && age.is_none_or(|age| (18..=120).contains(&age));
    if !valid {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    }
    let body = serde_json::to_vec(&Created { id: 7, name }).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::CREATED;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
