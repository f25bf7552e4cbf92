//! How users sign in. This file alone knows; the tests go by the cookie's name.

use std::time::SystemTime;

use axum::http::{HeaderMap, HeaderValue, header::SET_COOKIE};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use wythe::{ConfigError, Jwt, Problem};

/// The cookie that says who has signed in.
pub(crate) const COOKIE: &str = "__Host-token";

const SECRET: &[u8] = b"the secret of a test, known to everybody";

/// In seconds.
const LIFETIME: u64 = 600;

/// Who has signed in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct User {
    sub: String,
    exp: u64,
}

impl User {
    pub(crate) fn name(&self) -> &str {
        &self.sub
    }
}

/// What the scheme provides to handlers.
pub(crate) type Principal = User;

/// Knows the user of a request, and signs users in and out.
#[derive(Clone, Debug)]
pub(crate) struct Scheme {
    /// The attribute of the cookie.
    same_site: &'static str,
}

impl Scheme {
    pub(crate) fn new(same_site: &'static str) -> Self {
        Self { same_site }
    }

    /// For `with_auth`.
    pub(crate) fn policy(&self) -> Result<Jwt<User>, ConfigError> {
        Jwt::hs256(SECRET)?.cookie(COOKIE)
    }

    /// The fields of the response to who signs in.
    pub(crate) async fn sign_in(&self, name: &str) -> Result<HeaderMap, Problem> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let exp = now.map_err(Problem::internal)?.as_secs() + LIFETIME;
        let sub = name.to_owned();
        let key = EncodingKey::from_secret(SECRET);
        let token = encode(&Header::default(), &User { sub, exp }, &key);
        self.set(&token.map_err(Problem::internal)?, LIFETIME)
    }

    /// The fields of the response to who signs out.
    pub(crate) async fn sign_out(&self, _: &Principal) -> Result<HeaderMap, Problem> {
        self.set("", 0)
    }

    fn set(&self, value: &str, seconds: u64) -> Result<HeaderMap, Problem> {
        let line = format!(
            "{COOKIE}={value}; Path=/; Secure; HttpOnly; Max-Age={seconds}; SameSite={}",
            self.same_site
        );
        let line = HeaderValue::try_from(line).map_err(Problem::internal)?;
        Ok(HeaderMap::from_iter([(SET_COOKIE, line)]))
    }
}
