//! `GET /api/users`: lists the users, page by page.

use axum::{
    Json,
    extract::{Query, State},
};
use wythe::{Problem, Valid};

use super::{Listed, Page, User, Users};

pub(super) async fn list(
    State(users): State<Users>,
    page: Valid<Query<Page>>,
) -> Result<Json<Listed<User>>, Problem> {
    let Query(page) = page.into_inner();
    let (listed, total) = users.list(&page).await?;
    Ok(Json(page.of(listed, total)))
}
