//! `POST /api/auth/refresh`: new tokens for the refresh token in the cookie.
//!
//! A page sends it after a route has answered 401. After a 204 it sends its request again, and also
//! after a 409, because another tab was first; after a 401 the user has to log in.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use wythe::Problem;

use super::{Logins, cookies::SetCookies};

pub(super) async fn refresh(
    State(logins): State<Logins>,
    headers: HeaderMap,
) -> Result<(StatusCode, SetCookies), Problem> {
    Ok((StatusCode::NO_CONTENT, logins.refresh(&headers).await?))
}
