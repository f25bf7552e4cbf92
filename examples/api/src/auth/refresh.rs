//! `POST /api/auth/refresh`: new tokens for the refresh token in the cookie.
//!
//! A page sends it after a route has answered 401. After a 204 it sends its request again, and also
//! after a 409, because another tab was first; after a 401 the user has to log in.

use axum::{extract::State, http::HeaderMap};
use wythe::NoContent;

use super::{Logins, cookies::SetCookies, logins::RefreshError};

pub(super) async fn refresh_login(
    State(logins): State<Logins>,
    headers: HeaderMap,
) -> Result<(SetCookies, NoContent), RefreshError> {
    Ok((logins.refresh(&headers).await?, NoContent))
}
