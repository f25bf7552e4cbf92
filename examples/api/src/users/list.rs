//! `GET /api/users`: lists the users, page by page.

use axum::{
    Json,
    extract::{Query, State},
};
use wythe::{
    CacheControl, Problem, Valid, compose, with_auth, with_cache_control, with_validation,
};

use super::{Listed, Page, User, Users};
use crate::{auth::Tokens, route::Route};

pub(crate) fn route(tokens: &Tokens) -> Route {
    let stack = compose((
        with_auth(tokens.jwt()),
        with_validation::<Query<Page>>(),
        with_cache_control(CacheControl::no_store()),
    ));
    Route::get("/api/users", stack.handler(list))
        .curl(|curl| curl.query("page=1&per_page=20").sends_cookies())
}

async fn list(
    State(users): State<Users>,
    page: Valid<Query<Page>>,
) -> Result<Json<Listed<User>>, Problem> {
    let Query(page) = page.into_inner();
    let (listed, total) = users.list(&page).await?;
    Ok(Json(page.of(listed, total)))
}
