//! `POST /api/users`: creates a user without an account.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header::LOCATION},
};
use serde::Serialize;
use wythe::{Problem, Valid};

use super::{NewUser, UserId, Users};

#[derive(Serialize)]
pub(crate) struct Created {
    id: UserId,
    name: String,
}

pub(super) async fn create(
    State(users): State<Users>,
    user: Valid<Json<NewUser>>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Created>), Problem> {
    let id = users.create(&user).await?;
    let Json(NewUser { name, .. }) = user.into_inner();
    Ok((
        StatusCode::CREATED,
        [(LOCATION, format!("/api/users/{id}"))],
        Json(Created { id, name }),
    ))
}
