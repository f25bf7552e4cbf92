//! `POST /api/auth/login`: hands out a token, in a cookie.
//!
//! Three limits: on requests by address, on refusals by address, and on wrong passwords by account.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use wythe::{
    CacheControl, ConfigError, Problem, Quota, Valid, compose, with_cache_control, with_rate_limit,
    with_validation,
};

use super::{Guesses, Passwords, SessionCookie, Tokens, secret::secret};
use crate::{
    route::Route,
    users::{Profile, Users},
};

pub(crate) fn route() -> Result<Route, ConfigError> {
    let stack = compose((
        with_rate_limit(Quota::per_minute(10).named("login").by_peer()?),
        with_rate_limit(
            Quota::per_hour(30)
                .named("failed-logins")
                .by_peer()?
                .count_failures(),
        ),
        with_validation::<Json<Login>>().max_body_bytes(4 * 1024),
        with_cache_control(CacheControl::no_store()),
    ));
    Ok(Route::post("/api/auth/login", stack.handler(login))
        .json(r#"{"email":"ada@example.com","password":"correct horse"}"#)
        .keeps_cookie())
}

/// Hardly any rules: what could not have been registered is simply wrong.
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

async fn login(
    State(users): State<Users>,
    State(passwords): State<Passwords>,
    State(guesses): State<Guesses>,
    State(tokens): State<Tokens>,
    State(cookie): State<SessionCookie>,
    login: Valid<Json<Login>>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<LoggedIn>), Problem> {
    let Json(Login { email, password }) = login.into_inner();
    let (user, hash) = users.account(&email).await?.unzip();
    guesses.take(&email).await?;
    let right = match passwords.verify(password, hash).await {
        Ok(right) => right,
        Err(busy) => {
            guesses.give_back(&email).await?;
            return Err(busy);
        }
    };
    let user = user.filter(|_| right).ok_or_else(wrong)?;
    guesses.forget(&email).await?;
    let cookie = cookie.set(&tokens.issue(&user)?)?;
    let message = "Login successful";
    Ok((
        [(header::SET_COOKIE, cookie)],
        Json(LoggedIn { message, user }),
    ))
}

/// The same for an unknown address and a wrong password. A 401 needs a challenge (RFC 9110, section
/// 15.5.2): that of the routes that ask for a token.
fn wrong() -> Problem {
    let challenge = HeaderValue::from_static(r#"Bearer realm="api""#);
    Problem::new(StatusCode::UNAUTHORIZED)
        .detail("The email address or the password is wrong.")
        .header(header::WWW_AUTHENTICATE, challenge)
}
