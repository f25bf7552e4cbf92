//! `GET /api/admin/users`: lists the users, with details that only the admin may see.

use axum::{
    Json,
    extract::{Query, State},
};
use wythe::{
    CacheControl, ConfigError, Problem, Scopes, Valid, compose, with_auth, with_cache_control,
    with_scopes, with_validation,
};

use super::USERS;
use crate::{
    auth::Tokens,
    clock::Clock,
    route::Route,
    users::{Listed, Overview, Page, Users},
};

pub(crate) fn route(tokens: &Tokens) -> Result<Route, ConfigError> {
    let stack = compose((
        with_auth(tokens.jwt()),
        with_scopes(Scopes::all([USERS])?),
        with_validation::<Query<Page>>(),
        with_cache_control(CacheControl::no_store()),
    ));
    Ok(Route::get("/api/admin/users", stack.handler(list))
        .curl(|curl| curl.sends_cookies().refused("403: Ada is not the admin"))
        .curl(|curl| curl.sends_cookies().by_admin()))
}

async fn list(
    State(users): State<Users>,
    State(clock): State<Clock>,
    page: Valid<Query<Page>>,
) -> Result<Json<Listed<Overview>>, Problem> {
    let Query(page) = page.into_inner();
    let (listed, total) = users.overview(&page, &clock).await?;
    Ok(Json(page.of(listed, total)))
}
