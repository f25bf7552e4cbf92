//! `POST /api/auth/password`: changes the password, ends all logins, and starts a new one in this
//! browser.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use garde::Validate;
use serde::Deserialize;
use wythe::{Auth, Problem, Valid};

use super::{Claims, Credentials, Logins, cookies::SetCookies, protected::gone, secret::secret};

/// No `Debug`: a password must not be logged.
#[derive(Deserialize, Validate)]
pub(crate) struct NewPassword {
    #[serde(deserialize_with = "secret")]
    #[garde(length(chars, max = 128))]
    current: String,
    #[serde(deserialize_with = "secret")]
    #[garde(length(chars, min = 8, max = 128))]
    new: String,
}

pub(super) async fn change(
    State(credentials): State<Credentials>,
    State(logins): State<Logins>,
    Auth(claims): Auth<Claims>,
    headers: HeaderMap,
    passwords: Valid<Json<NewPassword>>,
) -> Result<(StatusCode, SetCookies), Problem> {
    let Json(NewPassword { current, new }) = passwords.into_inner();
    let Credentials {
        users, passwords, ..
    } = &credentials;
    let user = users.profile(claims.sub).await?.ok_or_else(gone)?;
    // A stolen access token is not enough; attempts are counted as at login.
    let account = credentials.check(&user.email, current).await?;
    let account = account.filter(|account| account.profile.id == claims.sub);
    let account = account.ok_or_else(wrong)?;
    let hash = passwords.hash(new).await?;
    let account = users.change_password(account, hash).await?;
    let account = account.ok_or_else(wrong)?;
    Ok((
        StatusCode::NO_CONTENT,
        logins.begin(&account, &headers).await?,
    ))
}

/// Not a 401, because the token is valid.
fn wrong() -> Problem {
    Problem::new(StatusCode::FORBIDDEN).detail("The current password is wrong.")
}
