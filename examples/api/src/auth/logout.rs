//! `POST /api/auth/logout`: ends the login, and removes its cookies.
//!
//! It requires no access token, because a user whose access token has expired must be able to log
//! out too.

use axum::{extract::State, http::HeaderMap};
use wythe::NoContent;

use super::{Logins, cookies::SetCookies};
use crate::error::ServerError;

pub(super) async fn log_out(
    State(logins): State<Logins>,
    headers: HeaderMap,
) -> Result<(SetCookies, NoContent), ServerError> {
    Ok((logins.end(&headers).await?, NoContent))
}
