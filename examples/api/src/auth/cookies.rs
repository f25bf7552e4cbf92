//! Writes and reads the cookies of a login. Scripts can't read them, and other sites can't make the
//! browser send them.

use std::time::Duration;

use axum::http::{HeaderMap, header::COOKIE};
use wythe::{ConfigError, SetCookie};

use super::{RefreshToken, tokens::LIFETIME};

/// Both cookies, set or removed.
pub(crate) type SetCookies = (SetCookie, SetCookie);

/// The names of the cookies, and how they are sent.
#[derive(Clone, Copy)]
pub(crate) struct Cookies {
    secure: bool,
}

impl Cookies {
    /// With `secure`, browsers send them over HTTPS only, and the names have a prefix: a response
    /// over HTTP can't set cookies with such names. With the prefix `__Host-`, other hosts of the
    /// domain can't either.
    pub(crate) fn new(secure: bool) -> Self {
        Self { secure }
    }

    /// The name of the cookie with the access token.
    pub(crate) fn access(self) -> &'static str {
        if self.secure { "__Host-token" } else { "token" }
    }

    /// The name of the cookie with the refresh token. `__Host-` would send it to every path.
    pub(crate) fn refresh(self) -> &'static str {
        if self.secure {
            "__Secure-refresh"
        } else {
            "refresh"
        }
    }

    /// Sets both cookies; the second expires after this many seconds.
    pub(crate) fn set(
        self,
        access: String,
        refresh: String,
        ends_in: i64,
    ) -> Result<SetCookies, ConfigError> {
        let ends_in = Duration::from_secs(u64::try_from(ends_in).unwrap_or_default());
        let access = self.cookie(self.access(), access)?.max_age(LIFETIME);
        // Sent only to where it is used and ended.
        let refresh = self.cookie(self.refresh(), refresh)?.path("/api/auth")?;
        Ok((access, refresh.max_age(ends_in)))
    }

    /// Removes both cookies.
    pub(crate) fn clear(self) -> Result<SetCookies, ConfigError> {
        let (access, refresh) = self.set(String::new(), String::new(), 0)?;
        Ok((access.into_removal(), refresh.into_removal()))
    }

    fn cookie(self, name: &'static str, value: String) -> Result<SetCookie, ConfigError> {
        let cookie = SetCookie::new(name, value)?.same_site_strict();
        if self.secure {
            return Ok(cookie);
        }
        cookie.dangerously_insecure()
    }

    /// The refresh tokens of a request: one, unless an attacker has planted another. The database is asked for
    /// each, so more than two are ignored.
    pub(crate) fn refresh_tokens(self, headers: &HeaderMap) -> impl Iterator<Item = RefreshToken> {
        let lines = headers.get_all(COOKIE).iter();
        let pairs = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'));
        let tokens = pairs.filter_map(move |pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.refresh())
                .then(|| RefreshToken::parse(value))
                .flatten()
        });
        tokens.take(2)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, header::SET_COOKIE};

    use super::{Cookies, SetCookies};

    fn written((access, refresh): SetCookies) -> Vec<String> {
        let mut headers = HeaderMap::new();
        access.append_to(&mut headers);
        refresh.append_to(&mut headers);
        let lines = headers.get_all(SET_COOKIE).iter();
        lines.map(|line| line.to_str().unwrap().into()).collect()
    }

    #[test]
    fn cookies_are_secure_if_configured_and_cleared_with_the_same_attributes() {
        let set = Cookies::new(false).set("a.b.c".into(), "d".into(), 60);
        assert_eq!(
            written(set.unwrap()),
            [
                "token=a.b.c; HttpOnly; SameSite=Strict; Path=/; Max-Age=900",
                "refresh=d; HttpOnly; SameSite=Strict; Path=/api/auth; Max-Age=60",
            ]
        );
        let cleared = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(
            written(Cookies::new(true).clear().unwrap()),
            [
                format!("__Host-token=; HttpOnly; SameSite=Strict; Secure; Path=/; {cleared}"),
                format!(
                    "__Secure-refresh=; HttpOnly; SameSite=Strict; Secure; Path=/api/auth; {cleared}"
                ),
            ]
        );
    }
}
