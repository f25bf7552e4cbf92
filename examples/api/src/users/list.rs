//! `GET /api/users`: lists the users, page by page.

use axum::{
    Json,
    extract::{Query, State},
};
use serde::Serialize;
use wythe::{
    CacheControl, Problem, Valid, compose, with_auth, with_cache_control, with_validation,
};

use super::{Page, User, Users};
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

#[derive(Serialize)]
pub(crate) struct Listed {
    users: Vec<User>,
    page: u32,
    per_page: u32,
    total: u32,
}

async fn list(
    State(users): State<Users>,
    page: Valid<Query<Page>>,
) -> Result<Json<Listed>, Problem> {
    let Query(page) = page.into_inner();
    let (users, total) = users.list(&page).await?;
    let Page { page, per_page } = page;
    Ok(Json(Listed {
        users,
        page,
        per_page,
        total,
    }))
}
