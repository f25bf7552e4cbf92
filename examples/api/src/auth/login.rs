//! `POST /api/auth/login`: starts a login, and sets its two tokens as cookies.
//!
//! Three limits: on requests by address, on refusals by address, and on wrong passwords by account.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use wythe::{Problem, Valid};

use super::{Credentials, Logins, cookies::SetCookies, secret::secret};
use crate::users::Profile;

/// Hardly any rules: a password that could not have been registered is simply wrong.
#[derive(Deserialize, Validate)]
pub(crate) struct Login {
    #[garde(skip)]
    email: String,
    #[serde(deserialize_with = "secret")]
    #[garde(length(chars, max = 128))]
    password: String,
}

#[derive(Serialize)]
pub(crate) struct LoggedIn {
    message: &'static str,
    user: Profile,
}

pub(super) async fn login(
    State(credentials): State<Credentials>,
    State(logins): State<Logins>,
    headers: HeaderMap,
    login: Valid<Json<Login>>,
) -> Result<(SetCookies, Json<LoggedIn>), Problem> {
    let Json(Login { email, password }) = login.into_inner();
    let account = credentials.check(&email, password).await?;
    let account = account.ok_or_else(wrong)?;
    let cookies = logins.begin(&account, &headers).await?;
    let message = "Login successful";
    let user = account.profile;
    Ok((cookies, Json(LoggedIn { message, user })))
}

/// The same for an unknown address and a wrong password. A 401 needs a challenge (RFC 9110, section
/// 15.5.2): it is that of the routes that require a token.
fn wrong() -> Problem {
    let challenge = HeaderValue::from_static(r#"Bearer realm="api""#);
    Problem::new(StatusCode::UNAUTHORIZED)
        .detail("The email address or the password is wrong.")
        .header(WWW_AUTHENTICATE, challenge)
}
