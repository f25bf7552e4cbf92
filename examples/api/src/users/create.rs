//! `POST /api/users`: creates a user without an account.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use wythe::{Created, Valid};

use super::{EmailTaken, NewUser, UserId, Users};
use crate::error::{ServerError, one_of};

/// The user that was created.
#[derive(JsonSchema, Serialize)]
pub(crate) struct CreatedUser {
    id: UserId,
    name: String,
}

one_of! {
    pub(super) enum CreateError {
        EmailTaken,
        ServerError,
    }
}

pub(super) async fn create_user(
    State(users): State<Users>,
    user: Valid<Json<NewUser>>,
) -> Result<Created<CreatedUser>, CreateError> {
    let id = users.create(&user).await??;
    let Json(NewUser { name, .. }) = user.into_inner();
    Ok(Created::at(
        format!("/api/users/{id}"),
        CreatedUser { id, name },
    ))
}
