//! `POST /api/auth/logout-everywhere`: ends all logins of the account, on all devices.

use axum::{extract::State, http::StatusCode};
use wythe::{Auth, Problem};

use super::{Claims, Logins, cookies::SetCookies};

pub(super) async fn logout(
    State(logins): State<Logins>,
    Auth(claims): Auth<Claims>,
) -> Result<(StatusCode, SetCookies), Problem> {
    Ok((StatusCode::NO_CONTENT, logins.end_all(claims.sub).await?))
}
