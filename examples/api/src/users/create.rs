//! `POST /api/users`: creates a user without an account.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header::LOCATION},
};
use serde::Serialize;
use wythe::{
    ConfigError, Problem, Quota, Valid, compose, with_auth, with_rate_limit, with_validation,
};

use super::{NewUser, UserId, Users};
use crate::{auth::Tokens, route::Route};

pub(crate) fn route(tokens: &Tokens) -> Result<Route, ConfigError> {
    let stack = compose((
        with_rate_limit(Quota::per_hour(100).named("users").by_peer()?),
        with_auth(tokens.jwt()),
        with_validation::<Json<NewUser>>(),
    ));
    let grace = r#"{"name":"Grace","email":"grace@example.com","age":36}"#;
    Ok(Route::post("/api/users", stack.handler(create))
        .curl(|curl| curl.sends_cookies().json(grace))
        .curl(|curl| {
            let forged = curl.sends_cookies().json(grace);
            forged
                .header("Origin: https://evil.example")
                .refused("403: sent by a page of another site")
        }))
}

#[derive(Serialize)]
pub(crate) struct Created {
    id: UserId,
    name: String,
}

async fn create(
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
