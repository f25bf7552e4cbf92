//! `POST /api/register`: creates an account.
//!
//! The 409 reveals who has an account, which login takes care not to do. To hide that too, an
//! application sends an email to the address and answers the same in both cases; this one sends no
//! email, and allows at most 20 requests an hour.

use axum::{Json, extract::State};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wythe::{Created, Valid};

use super::{Credentials, secret::secret};
use crate::{
    error::{ServerError, one_of},
    users::{EmailTaken, UserId},
};

// No `Debug`: a password must not be logged.
/// A new account.
#[derive(Deserialize, JsonSchema, Validate)]
#[schemars(example = json!({ "email": "ada@example.com", "password": "correct horse" }))]
pub(crate) struct NewAccount {
    /// No other account has this address.
    #[garde(custom(wythe::validation::email))]
    #[schemars(email)]
    email: String,
    #[serde(deserialize_with = "secret")]
    #[garde(length(chars, min = 8, max = 128))]
    #[schemars(extend("format" = "password"))]
    password: String,
}

/// The account that was created.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Registered {
    status: &'static str,
    id: UserId,
}

one_of! {
    pub(super) enum RegisterError {
        EmailTaken,
        ServerError,
    }
}

pub(super) async fn register(
    State(Credentials {
        users, passwords, ..
    }): State<Credentials>,
    account: Valid<Json<NewAccount>>,
) -> Result<Created<Registered>, RegisterError> {
    let Json(NewAccount { email, password }) = account.into_inner();
    let hash = passwords.hash(password).await?;
    let id = users.register(&email, &hash).await??;
    let status = "registered";
    Ok(Created::new(Registered { status, id }))
}
