//! Writes the cookie that holds the token.

use axum::http::HeaderValue;
use wythe::Problem;

use super::tokens::LIFETIME;

/// The cookie's name.
pub(crate) const NAME: &str = "token";

/// The cookie that holds the token: scripts can't read it, and no other site can have it sent.
#[derive(Clone, Copy)]
pub(crate) struct SessionCookie {
    secure: bool,
}

impl SessionCookie {
    /// With `secure`, browsers send it by https only.
    pub(crate) fn new(secure: bool) -> Self {
        Self { secure }
    }

    /// Hands a token out.
    pub(crate) fn set(self, token: &str) -> Result<HeaderValue, Problem> {
        self.header(token, LIFETIME.as_secs())
    }

    /// Takes it back.
    pub(crate) fn clear(self) -> Result<HeaderValue, Problem> {
        self.header("", 0)
    }

    fn header(self, value: &str, max_age: u64) -> Result<HeaderValue, Problem> {
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie =
            format!("{NAME}={value}; HttpOnly; Path=/; Max-Age={max_age}; SameSite=Strict{secure}");
        HeaderValue::try_from(cookie).map_err(Problem::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::SessionCookie;

    #[test]
    fn a_cookie_is_secure_where_it_is_told_to_be_and_cleared_with_the_same_attributes() {
        let set = SessionCookie::new(false).set("a.b.c").unwrap();
        let attributes = "HttpOnly; Path=/; Max-Age=604800; SameSite=Strict";
        assert_eq!(set, format!("token=a.b.c; {attributes}"));

        let clear = SessionCookie::new(true).clear().unwrap();
        let attributes = "HttpOnly; Path=/; Max-Age=0; SameSite=Strict; Secure";
        assert_eq!(clear, format!("token=; {attributes}"));
    }
}
