//! How users sign in. This file alone knows; the tests go by the cookie's name.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderValue, header::SET_COOKIE};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use wythe::{ConfigError, HasScopes, Jwt};

/// The cookie that says who has signed in.
pub(crate) const COOKIE: &str = "__Host-token";

const SECRET: &[u8] = b"the secret of a test, known to everybody";
const LIFETIME: Duration = Duration::from_secs(600);

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

/// Nobody may do more than a customer may.
impl HasScopes for User {
    fn has_scope(&self, _: &str) -> bool {
        false
    }
}

/// Finds the user of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scheme {
    /// The attribute of its cookie.
    pub(crate) same_site: &'static str,
}

impl Scheme {
    pub(crate) fn policy(self) -> Result<Jwt<User>, ConfigError> {
        Jwt::hs256(SECRET)?.cookie(COOKIE)
    }

    /// The fields of the response to who has signed in.
    pub(crate) fn sign_in(self, name: String) -> HeaderMap {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let exp = (now.unwrap() + LIFETIME).as_secs();
        let user = User { sub: name, exp };
        let key = EncodingKey::from_secret(SECRET);
        let token = encode(&Header::default(), &user, &key).unwrap();
        self.set(&token, LIFETIME)
    }

    /// The fields of the response to who has signed out.
    pub(crate) fn sign_out(self) -> HeaderMap {
        self.set("", Duration::ZERO)
    }

    fn set(self, value: &str, lifetime: Duration) -> HeaderMap {
        let line = format!(
            "{COOKIE}={value}; Path=/; Secure; HttpOnly; Max-Age={}; SameSite={}",
            lifetime.as_secs(),
            self.same_site
        );
        HeaderMap::from_iter([(SET_COOKIE, HeaderValue::try_from(line).unwrap())])
    }
}
