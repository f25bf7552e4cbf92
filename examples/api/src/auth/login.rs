//! `POST /api/auth/login`: starts a login, and sets its two tokens as cookies.
//!
//! Three limits: on requests by address, on refusals by address, and on wrong passwords by account.

use axum::{Json, extract::State, http::HeaderMap};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wythe::Valid;

use super::{
    CheckError, Credentials, LoginEnded, Logins, WrongLogin, cookies::SetCookies, secret::secret,
};
use crate::{
    database::{STORABLE, storable},
    error::{ServerError, one_of},
    users::Profile,
};

// Hardly any rules: a password that could not have been registered is simply wrong.
/// The email address and the password of an account.
#[derive(Deserialize, JsonSchema, Validate)]
#[schemars(example = json!({ "email": "ada@example.com", "password": "correct horse" }))]
pub(crate) struct Login {
    #[garde(custom(storable))]
    #[schemars(regex(pattern = STORABLE))]
    email: String,
    #[serde(deserialize_with = "secret")]
    #[garde(length(chars, max = 128))]
    #[schemars(extend("format" = "password"))]
    password: String,
}

/// The user who has logged in. The tokens are in the cookies.
#[derive(JsonSchema, Serialize)]
pub(crate) struct LoggedIn {
    message: &'static str,
    user: Profile,
}

one_of! {
    pub(super) enum LoginError {
        WrongLogin,
        CheckError,
        LoginEnded,
        ServerError,
    }
}

pub(super) async fn log_in(
    State(credentials): State<Credentials>,
    State(logins): State<Logins>,
    headers: HeaderMap,
    login: Valid<Json<Login>>,
) -> Result<(SetCookies, Json<LoggedIn>), LoginError> {
    let Json(Login { email, password }) = login.into_inner();
    let account = credentials.check(&email, password).await?;
    let account = account.ok_or(WrongLogin)?;
    let cookies = logins.begin(&account, &headers).await?.ok_or(LoginEnded)?;
    let message = "Login successful";
    let user = account.profile;
    Ok((cookies, Json(LoggedIn { message, user })))
}
