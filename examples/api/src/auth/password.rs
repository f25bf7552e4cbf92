//! `POST /api/auth/password`: changes the password, ends all logins, and starts a new one in this
//! browser.

use axum::{Json, extract::State, http::HeaderMap};
use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use wythe::{Auth, NoContent, Valid};

use super::{
    AccountGone, CheckError, Claims, Credentials, LoginEnded, Logins, WrongPassword,
    cookies::SetCookies, secret::secret,
};
use crate::error::{ServerError, one_of};

// No `Debug`: a password must not be logged.
/// The password of an account, and another one for it.
#[derive(Deserialize, JsonSchema, Validate)]
#[schemars(example = json!({ "current": "correct horse", "new": "battery staple" }))]
pub(crate) struct NewPassword {
    #[serde(deserialize_with = "secret")]
    #[garde(length(chars, max = 128))]
    #[schemars(extend("format" = "password"))]
    current: String,
    #[serde(deserialize_with = "secret")]
    #[garde(length(chars, min = 8, max = 128))]
    #[schemars(extend("format" = "password"))]
    new: String,
}

one_of! {
    pub(super) enum PasswordError {
        AccountGone,
        WrongPassword,
        CheckError,
        LoginEnded,
        ServerError,
    }
}

pub(super) async fn change_password(
    State(credentials): State<Credentials>,
    State(logins): State<Logins>,
    Auth(claims): Auth<Claims>,
    headers: HeaderMap,
    passwords: Valid<Json<NewPassword>>,
) -> Result<(SetCookies, NoContent), PasswordError> {
    let Json(NewPassword { current, new }) = passwords.into_inner();
    let Credentials {
        users, passwords, ..
    } = &credentials;
    let user = users.profile(claims.sub).await?.ok_or(AccountGone)?;
    // A stolen access token is not enough; attempts are counted as at login.
    let account = credentials.check(&user.email, current).await?;
    let account = account.filter(|account| account.profile.id == claims.sub);
    let account = account.ok_or(WrongPassword)?;
    let hash = passwords.hash(new).await?;
    let account = users.change_password(account, hash).await?;
    let account = account.ok_or(WrongPassword)?;
    let cookies = logins.begin(&account, &headers).await?.ok_or(LoginEnded)?;
    Ok((cookies, NoContent))
}
