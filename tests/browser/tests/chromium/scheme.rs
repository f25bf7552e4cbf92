//! How users sign in. This file alone knows; the tests go by the cookie's name.

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use wythe::{ConfigError, Problem, Session, Sessions, auth::MemorySessions};

/// The cookie that says who has signed in.
pub(crate) const COOKIE: &str = "__Host-session";

/// Who has signed in.
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

/// Knows the user of a request, and signs users in and out.
#[derive(Clone, Debug)]
pub(crate) struct Scheme(Sessions<User>);

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
    pub(crate) fn policy(&self) -> Sessions<User> {
        self.0.clone()
    }

    /// The fields of the response to who signs in.
    pub(crate) async fn sign_in(&self, name: &str) -> Result<HeaderMap, Problem> {
        let name = name.to_owned();
        let mut headers = HeaderMap::new();
        self.0.login(&User { name }).await?.append_to(&mut headers);
        Ok(headers)
    }

    /// The fields of the response to who signs out.
    pub(crate) async fn sign_out(&self, session: &Principal) -> Result<HeaderMap, Problem> {
        let mut headers = HeaderMap::new();
        self.0.logout(session).await?.append_to(&mut headers);
        Ok(headers)
    }
}
