//! `GET /api/protected`: shows who is signed in.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use wythe::Auth;

use super::{AccountGone, Claims};
use crate::{
    error::{ServerError, one_of},
    users::{Profile, Users},
};

/// Who is signed in.
#[derive(JsonSchema, Serialize)]
pub(crate) struct SignedIn {
    user: Profile,
}

one_of! {
    pub(super) enum ProtectedError {
        AccountGone,
        ServerError,
    }
}

pub(super) async fn show_signed_in_user(
    State(users): State<Users>,
    Auth(claims): Auth<Claims>,
) -> Result<Json<SignedIn>, ProtectedError> {
    let user = users.profile(claims.sub).await?.ok_or(AccountGone)?;
    Ok(Json(SignedIn { user }))
}
