//! `POST /api/auth/logout`: takes the cookie back.

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use wythe::{CacheControl, Problem, compose, with_cache_control};

use super::SessionCookie;
use crate::route::Route;

pub(crate) fn route() -> Route {
    let stack = compose((with_cache_control(CacheControl::no_store()),));
    Route::post("/api/auth/logout", stack.handler(logout)).keeps_cookie()
}

async fn logout(
    State(cookie): State<SessionCookie>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1]), Problem> {
    let cleared = (header::SET_COOKIE, cookie.clear()?);
    Ok((StatusCode::NO_CONTENT, [cleared]))
}
