//! `POST /api/auth/logout-everywhere`: ends all logins of the account, on all devices.

use axum::extract::State;
use wythe::{Auth, NoContent};

use super::{Claims, Logins, cookies::SetCookies};
use crate::error::ServerError;

pub(super) async fn log_out_everywhere(
    State(logins): State<Logins>,
    Auth(claims): Auth<Claims>,
) -> Result<(SetCookies, NoContent), ServerError> {
    Ok((logins.end_all(claims.sub).await?, NoContent))
}
