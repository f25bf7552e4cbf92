//! Holds what the handlers share.

use axum::extract::FromRef;

use crate::{
    BoxError,
    auth::{Guesses, Passwords, SessionCookie, Tokens},
    config::Config,
    contact::Messages,
    database,
    users::Users,
};

/// What the handlers share. A handler asks for the part that it needs: `State(users): State<Users>`.
#[derive(Clone, FromRef)]
pub struct AppState {
    pub(crate) users: Users,
    pub(crate) messages: Messages,
    pub(crate) passwords: Passwords,
    pub(crate) guesses: Guesses,
    pub(crate) tokens: Tokens,
    pub(crate) cookie: SessionCookie,
}

impl AppState {
    /// Opens the database and prepares the keys.
    pub async fn new(config: &Config) -> Result<Self, BoxError> {
        let pool = database::open(config.database_url.as_deref()).await?;
        Ok(Self {
            users: Users::new(pool.clone()),
            messages: Messages::new(pool),
            passwords: Passwords::new()?,
            guesses: Guesses::new()?,
            tokens: Tokens::new(config.secret.bytes())?,
            cookie: SessionCookie::new(config.secure_cookies()),
        })
    }
}
