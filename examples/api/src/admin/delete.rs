//! `DELETE /api/admin/users/{id}`: deletes a user and ends all their logins.

use axum::extract::State;
use wythe::{NoContent, Path};

use crate::{
    error::{ServerError, one_of},
    users::{NoSuchUser, UserId, Users},
};

one_of! {
    pub(super) enum DeleteError {
        NoSuchUser,
        ServerError,
    }
}

pub(super) async fn delete_any_user(
    State(users): State<Users>,
    Path(id): Path<UserId>,
) -> Result<NoContent, DeleteError> {
    if !users.delete(id, None).await? {
        return Err(NoSuchUser.into());
    }
    Ok(NoContent)
}
