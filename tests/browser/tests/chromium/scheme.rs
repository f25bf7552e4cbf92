//! How users sign in. Only this file knows; the tests use the cookie's name.

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use wythe::{ConfigError, Problem, Session, Sessions, StoredSessions, auth::MemorySessions};

/// The session cookie.
pub(crate) const COOKIE: &str = "__Host-session";

/// The user who has signed in.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct User {
    name: String,
}

impl User {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// What the scheme provides to handlers.
pub(crate) type Principal = Session<User>;

/// Authenticates users, and signs them in and out.
#[derive(Clone, Debug)]
pub(crate) struct Scheme(StoredSessions<User>);

impl Scheme {
    /// With this attribute of the cookie: `Strict`, `Lax` or `None`.
    pub(crate) fn new(same_site: &str) -> Result<Self, ConfigError> {
        let sessions = Sessions::stored(MemorySessions::default())?;
        let sessions = sessions.cookie(|cookie| match same_site {
            "Strict" => Ok(cookie.same_site_strict()),
            "None" => cookie.dangerously_cross_site(),
            _ => Ok(cookie),
        });
        Ok(Self(sessions?))
    }

    /// For `with_auth`.
    pub(crate) fn policy(&self) -> StoredSessions<User> {
        self.0.clone()
    }

    /// The header fields of the response to signing in.
    pub(crate) async fn sign_in(&self, name: &str) -> Result<HeaderMap, Problem> {
        let name = name.to_owned();
        let mut headers = HeaderMap::new();
        self.0.login(&User { name }).await?.append_to(&mut headers);
        Ok(headers)
    }

    /// The header fields of the response to signing out.
    pub(crate) async fn sign_out(&self, session: &Principal) -> Result<HeaderMap, Problem> {
        let mut headers = HeaderMap::new();
        self.0.logout(session).await?.append_to(&mut headers);
        Ok(headers)
    }
}
