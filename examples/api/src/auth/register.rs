//! `POST /api/register`: creates an account.
//!
//! The 409 reveals who has an account, which login takes care not to do. To hide that too, an
//! application sends an email to the address and answers the same in both cases; this one sends no
//! email, and allows at most 20 requests an hour.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use wythe::{Problem, Valid};

use super::{Credentials, secret::secret};
use crate::users::UserId;

/// No `Debug`: a password must not be logged.
#[derive(Deserialize, Validate)]
pub(crate) struct NewAccount {
    #[garde(custom(wythe::validation::email))]
    email: String,
    #[serde(deserialize_with = "secret")]
    #[garde(length(chars, min = 8, max = 128))]
    password: String,
}

#[derive(Serialize)]
pub(crate) struct Registered {
    status: &'static str,
    id: UserId,
}

pub(super) async fn register(
    State(Credentials {
        users, passwords, ..
    }): State<Credentials>,
    account: Valid<Json<NewAccount>>,
) -> Result<(StatusCode, Json<Registered>), Problem> {
    let Json(NewAccount { email, password }) = account.into_inner();
    let hash = passwords.hash(password).await?;
    let id = users.register(&email, &hash).await?;
    let status = "registered";
    Ok((StatusCode::CREATED, Json(Registered { status, id })))
}
