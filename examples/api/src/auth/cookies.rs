//! Writes and reads the cookies of a login. Scripts can't read them, and no other site can have
//! them sent.

use axum::{
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{COOKIE, SET_COOKIE},
    },
    response::AppendHeaders,
};
use wythe::Problem;

use super::{RefreshToken, tokens::LIFETIME};

/// Both cookies, set or taken back.
pub(crate) type SetCookies = AppendHeaders<[(HeaderName, HeaderValue); 2]>;

/// How the cookies are named, and how they travel.
#[derive(Clone, Copy)]
pub(crate) struct Cookies {
    secure: bool,
}

impl Cookies {
    /// With `secure`, browsers send them by https only, and the names say so: what came by http
    /// can't set cookies of such names. The prefix `__Host-` keeps neighbouring hosts from it too.
    pub(crate) fn new(secure: bool) -> Self {
        Self { secure }
    }

    /// The name of the one with the access token.
    pub(crate) fn access(self) -> &'static str {
        if self.secure { "__Host-token" } else { "token" }
    }

    /// The name of the one with the refresh token. `__Host-` would send it to every path.
    fn refresh(self) -> &'static str {
        if self.secure {
            "__Secure-refresh"
        } else {
            "refresh"
        }
    }

    /// Hands both tokens out; the second for so many seconds.
    pub(crate) fn set(
        self,
        access: &str,
        refresh: &str,
        ends_in: i64,
    ) -> Result<SetCookies, Problem> {
        let cookies = [
            (self.access(), access, "/", LIFETIME.as_secs().cast_signed()),
            // Sent to where it is used and ended, and nowhere else.
            (self.refresh(), refresh, "/api/auth", ends_in),
        ];
        self.write(cookies)
    }

    /// Takes both back.
    pub(crate) fn clear(self) -> Result<SetCookies, Problem> {
        let cookies = [
            (self.access(), "", "/", 0),
            (self.refresh(), "", "/api/auth", 0),
        ];
        self.write(cookies)
    }

    /// The refresh tokens of a request: one, unless somebody has planted another.
    pub(crate) fn refresh_tokens(self, headers: &HeaderMap) -> impl Iterator<Item = RefreshToken> {
        let lines = headers.get_all(COOKIE).iter();
        let pairs = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'));
        pairs.filter_map(move |pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.refresh())
                .then(|| RefreshToken::parse(value))
                .flatten()
        })
    }

    fn write(self, cookies: [(&str, &str, &str, i64); 2]) -> Result<SetCookies, Problem> {
        let secure = if self.secure { "; Secure" } else { "" };
        let [access, refresh] = cookies.map(|(name, value, path, max_age)| {
            let attributes = format!("HttpOnly; Path={path}; Max-Age={max_age}; SameSite=Strict");
            let cookie = HeaderValue::try_from(format!("{name}={value}; {attributes}{secure}"));
            cookie.map(|cookie| (SET_COOKIE, cookie))
        });
        let access = access.map_err(Problem::internal)?;
        let refresh = refresh.map_err(Problem::internal)?;
        Ok(AppendHeaders([access, refresh]))
    }
}

#[cfg(test)]
mod tests {
    use super::Cookies;

    #[test]
    fn cookies_are_secure_where_they_are_told_to_be_and_cleared_with_the_same_attributes() {
        let [(_, access), (_, refresh)] = Cookies::new(false).set("a.b.c", "d", 60).unwrap().0;
        let attributes = "HttpOnly; Path=/; Max-Age=900; SameSite=Strict";
        assert_eq!(access, format!("token=a.b.c; {attributes}"));
        let attributes = "HttpOnly; Path=/api/auth; Max-Age=60; SameSite=Strict";
        assert_eq!(refresh, format!("refresh=d; {attributes}"));

        let [(_, access), (_, refresh)] = Cookies::new(true).clear().unwrap().0;
        let attributes = "HttpOnly; Path=/; Max-Age=0; SameSite=Strict; Secure";
        assert_eq!(access, format!("__Host-token=; {attributes}"));
        let attributes = "HttpOnly; Path=/api/auth; Max-Age=0; SameSite=Strict; Secure";
        assert_eq!(refresh, format!("__Secure-refresh=; {attributes}"));
    }
}
