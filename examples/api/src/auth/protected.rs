//! `GET /api/protected`: shows who is signed in.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
};
use serde::Serialize;
use wythe::{Auth, Problem};

use super::Claims;
use crate::users::{Profile, Users};

#[derive(Serialize)]
pub(crate) struct SignedIn {
    user: Profile,
}

pub(super) async fn protected(
    State(users): State<Users>,
    Auth(claims): Auth<Claims>,
) -> Result<Json<SignedIn>, Problem> {
    let user = users.profile(claims.sub).await?.ok_or_else(gone)?;
    Ok(Json(SignedIn { user }))
}

/// The token is valid, but the user has been deleted.
pub(super) fn gone() -> Problem {
    let challenge = r#"Bearer realm="api", error="invalid_token", error_description="The account no longer exists""#;
    Problem::new(StatusCode::UNAUTHORIZED)
        .detail("The account of this token no longer exists.")
        .header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
