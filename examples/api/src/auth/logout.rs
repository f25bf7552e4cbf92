//! `POST /api/auth/logout`: ends the login, and removes its cookies.
//!
//! It requires no access token, because a user whose access token has expired must be able to log
//! out too.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use wythe::Problem;

use super::{Logins, cookies::SetCookies};

pub(super) async fn logout(
    State(logins): State<Logins>,
    headers: HeaderMap,
) -> Result<(StatusCode, SetCookies), Problem> {
    Ok((StatusCode::NO_CONTENT, logins.end(&headers).await?))
}
