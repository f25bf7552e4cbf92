//! `POST /api/auth/logout-everywhere`: ends all logins of the account, on all devices.

use axum::{extract::State, http::StatusCode};
use wythe::{Auth, CacheControl, Problem, compose, with_auth, with_cache_control};

use super::{Claims, Logins, Tokens, cookies::SetCookies};
use crate::route::Route;

pub(crate) fn route(tokens: &Tokens) -> Route {
    let stack = compose((
        with_auth(tokens.jwt()),
        with_cache_control(CacheControl::no_store()),
    ));
    Route::post("/api/auth/logout-everywhere", stack.handler(logout))
        .curl(|curl| curl.sends_cookies())
}

async fn logout(
    State(logins): State<Logins>,
    Auth(claims): Auth<Claims>,
) -> Result<(StatusCode, SetCookies), Problem> {
    Ok((StatusCode::NO_CONTENT, logins.end_all(claims.sub).await?))
}
