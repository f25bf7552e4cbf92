//! `DELETE /api/admin/users/{id}`: deletes a user and ends all their logins.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use wythe::{
    CacheControl, ConfigError, Problem, Scopes, compose, with_auth, with_cache_control, with_scopes,
};

use super::USERS;
use crate::{
    auth::Tokens,
    route::Route,
    users::{UserId, Users, nobody},
};

pub(crate) fn route(tokens: &Tokens) -> Result<Route, ConfigError> {
    let stack = compose((
        with_auth(tokens.jwt()),
        with_scopes(Scopes::all([USERS])?),
        with_cache_control(CacheControl::no_store()),
    ));
    let ada = "/api/admin/users/1";
    Ok(
        Route::delete("/api/admin/users/{id}", stack.handler(delete))
            .curl(|curl| {
                let curl = curl.example(ada).sends_cookies();
                curl.refused("403: Ada is not the admin")
            })
            .curl(|curl| curl.example(ada).sends_cookies().by_admin()),
    )
}

async fn delete(State(users): State<Users>, Path(id): Path<UserId>) -> Result<StatusCode, Problem> {
    let deleted = users.delete(id).await?;
    deleted.then_some(StatusCode::NO_CONTENT).ok_or_else(nobody)
}
