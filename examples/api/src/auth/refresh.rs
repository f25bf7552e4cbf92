//! `POST /api/auth/refresh`: new tokens for the refresh token in the cookie.
//!
//! A page sends it after a route has answered 401. After a 204 it sends its request again, and also
//! after a 409, because another tab was first; after a 401 the user has to log in.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use wythe::{
    CacheControl, ConfigError, Problem, Quota, compose, with_cache_control, with_rate_limit,
};

use super::{Logins, cookies::SetCookies};
use crate::route::Route;

pub(crate) fn route() -> Result<Route, ConfigError> {
    let stack = compose((
        with_rate_limit(Quota::per_minute(30).named("refresh").by_peer()?),
        with_cache_control(CacheControl::no_store()),
    ));
    Ok(Route::post("/api/auth/refresh", stack.handler(refresh))
        .curl(|curl| curl.sends_cookies().keeps_cookies()))
}

async fn refresh(
    State(logins): State<Logins>,
    headers: HeaderMap,
) -> Result<(StatusCode, SetCookies), Problem> {
    Ok((StatusCode::NO_CONTENT, logins.refresh(&headers).await?))
}
