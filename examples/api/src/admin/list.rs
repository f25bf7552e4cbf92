//! `GET /api/admin/users`: lists the users, with details that only the admin may see.

use axum::{
    Json,
    extract::{Query, State},
};
use wythe::Valid;

use crate::{
    clock::Clock,
    error::ServerError,
    users::{Listed, Overview, Page, Users},
};

pub(super) async fn list_users_and_logins(
    State(users): State<Users>,
    State(clock): State<Clock>,
    page: Valid<Query<Page>>,
) -> Result<Json<Listed<Overview>>, ServerError> {
    let Query(page) = page.into_inner();
    let (listed, total) = users.overview(&page, &clock).await?;
    Ok(Json(page.of(listed, total)))
}
