//! `DELETE /api/admin/users/{id}`: deletes a user and ends all their logins.

use axum::{extract::State, http::StatusCode};
use wythe::{Path, Problem};

use crate::users::{UserId, Users, nobody};

pub(super) async fn delete(
    State(users): State<Users>,
    Path(id): Path<UserId>,
) -> Result<StatusCode, Problem> {
    let deleted = users.delete(id).await?;
    deleted.then_some(StatusCode::NO_CONTENT).ok_or_else(nobody)
}
