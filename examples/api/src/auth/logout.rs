//! `POST /api/auth/logout`: ends the login, and removes its cookies.
//!
//! It requires no access token, because a user whose access token has expired must be able to log
//! out too.

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
        with_rate_limit(Quota::per_minute(30).named("logout").by_peer()?),
        with_cache_control(CacheControl::no_store()),
    ));
    Ok(Route::post("/api/auth/logout", stack.handler(logout))
        .curl(|curl| curl.sends_cookies().keeps_cookies()))
}

async fn logout(
    State(logins): State<Logins>,
    headers: HeaderMap,
) -> Result<(StatusCode, SetCookies), Problem> {
    Ok((StatusCode::NO_CONTENT, logins.end(&headers).await?))
}
