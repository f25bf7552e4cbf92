//! `GET /api/users`: lists the users, page by page.

use axum::{
    Json,
    extract::{Query, State},
};
use wythe::Valid;

use super::{Listed, Page, User, Users};
use crate::error::ServerError;

pub(super) async fn list_users(
    State(users): State<Users>,
    page: Valid<Query<Page>>,
) -> Result<Json<Listed<User>>, ServerError> {
    let Query(page) = page.into_inner();
    let (listed, total) = users.list(&page).await?;
    Ok(Json(page.of(listed, total)))
}
