//! `GET /api/users`: lists the users, page by page.

use axum::{
    Json,
    extract::{Query, State},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use wythe::{
    CacheControl, Problem, Valid, compose, with_auth, with_cache_control, with_validation,
};

use super::{User, Users};
use crate::{auth::Tokens, route::Route};

pub(crate) fn route(tokens: &Tokens) -> Route {
    let stack = compose((
        with_auth(tokens.jwt()),
        with_validation::<Query<Page>>(),
        with_cache_control(CacheControl::no_store()),
    ));
    Route::get("/api/users", stack.handler(list))
        .query("page=1&per_page=20")
        .sends_cookie()
}

#[derive(Deserialize, Validate)]
pub(crate) struct Page {
    #[serde(default = "first")]
    #[garde(range(min = 1))]
    page: u32,
    #[serde(default = "twenty")]
    #[garde(range(min = 1, max = 100))]
    per_page: u32,
}

fn first() -> u32 {
    1
}

fn twenty() -> u32 {
    20
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
    let Query(Page { page, per_page }) = page.into_inner();
    let before = u64::from(page - 1) * u64::from(per_page);
    let (users, total) = users.list(per_page, before).await?;
    Ok(Json(Listed {
        users,
        page,
        per_page,
        total,
    }))
}
