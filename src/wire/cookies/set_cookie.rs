//! A cookie of a response: [`SetCookie`].

use std::{borrow::Cow, fmt, time::Duration};

use cookie::{
    Cookie, SameSite,
    time::{self, OffsetDateTime},
};
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};

use super::rules::{check, check_domain, check_name, check_path, check_value};
use crate::wire::ConfigError;

/// 400 days: the longest that browsers keep a cookie (RFC 6265bis, section 5.5).
const LONGEST: u64 = 400 * 24 * 60 * 60;

/// A cookie that a response sets, or takes back: a part of axum's responses, and
/// [for all others](Self::append_to).
///
/// It is `HttpOnly; SameSite=Lax; Secure; Path=/`, for the host alone that sets it, and is forgotten
/// when the browser ends, unless said otherwise. It is appended: other cookies stay. Whatever would
/// make browsers drop it is an error; in a handler, `?` turns that into a 500.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use http::HeaderMap;
/// use wythe::SetCookie;
///
/// let cookie = SetCookie::new("__Host-cart", "a7f3")?.max_age(Duration::from_secs(86_400));
///
/// let mut headers = HeaderMap::new();
/// cookie.append_to(&mut headers);
/// assert_eq!(
///     headers["set-cookie"],
///     "__Host-cart=a7f3; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400"
/// );
///
/// // `__Host-` says that no other host can have set it, so there is no domain.
/// assert!(SetCookie::new("__Host-cart", "a7f3")?.domain("example.com").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct SetCookie(Cookie<'static>);

impl SetCookie {
    /// A cookie with this name and value.
    ///
    /// A name that starts with `__Host-` is best: browsers then take the cookie from this host
    /// alone, over TLS.
    ///
    /// # Errors
    ///
    /// If the name is not a token; if the value holds white space, `"`, `,`, `;`, `\` or anything
    /// beyond ASCII, none of which a cookie can hold (RFC 6265, section 4.1.1); or if it is longer,
    /// with its attributes, than the 4,096 bytes that browsers keep.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Result<Self, ConfigError> {
        let (name, value) = (name.into(), value.into());
        check_name(&name)?;
        check_value(&value)?;
        let cookie = Cookie::build((name, value)).http_only(true);
        let cookie = cookie.same_site(SameSite::Lax).secure(true).path("/");
        Self(cookie.build()).checked()
    }

    /// Takes the cookie of this name back. Browsers do so only if path, domain and partition are
    /// the same as when it was set.
    ///
    /// # Example
    ///
    /// ```
    /// use http::HeaderValue;
    /// use wythe::SetCookie;
    ///
    /// let removal = SetCookie::removal("__Host-cart")?;
    /// assert_eq!(
    ///     HeaderValue::from(removal),
    ///     "__Host-cart=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; \
    ///      Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    /// );
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the name is not a token.
    pub fn removal(name: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        Ok(Self::new(name, "")?.into_removal())
    }

    /// Takes this cookie back: the same attributes without its value.
    pub fn into_removal(mut self) -> Self {
        self.0.set_value("");
        self.0.set_max_age(time::Duration::ZERO);
        // For clients that do not know `Max-Age`.
        self.0.set_expires(OffsetDateTime::UNIX_EPOCH);
        self
    }

    /// How long the browser keeps it: whole seconds, rounded up, and 400 days at most. Zero takes
    /// it back.
    pub fn max_age(mut self, age: Duration) -> Self {
        let begun = u64::from(age.subsec_nanos() > 0);
        let seconds = age.as_secs().saturating_add(begun).min(LONGEST);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.0.set_max_age(time::Duration::seconds(seconds));
        self
    }

    /// Sends it with requests to this path and below it; `/`, unless said. That keeps no secret
    /// from pages of another path: scripts of one host can read each other's pages.
    ///
    /// # Errors
    ///
    /// If it does not start with `/`, can't stand in a cookie, or the name starts with `__Host-`.
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        let path = path.into();
        check_path(&path)?;
        self.0.set_path(path);
        self.checked()
    }

    /// Sends it to all subdomains of this domain, too. Each of them can then read it, and plant one
    /// of its own.
    ///
    /// # Errors
    ///
    /// If it is no domain, or the name starts with `__Host-`.
    pub fn domain(mut self, domain: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        let domain = domain.into();
        check_domain(&domain)?;
        self.0.set_domain(domain);
        self.checked()
    }

    /// `SameSite=Strict`: browsers send it with no request that another site caused, not even when
    /// the user follows a link from there.
    pub fn same_site_strict(mut self) -> Self {
        self.0.set_same_site(SameSite::Strict);
        self
    }

    /// `SameSite=None`: browsers send it with requests of all sites, so that every page can act
    /// with it. What goes by it needs `with_csrf`.
    ///
    /// # Errors
    ///
    /// Without `Secure` browsers drop such a cookie.
    pub fn dangerously_cross_site(mut self) -> Result<Self, ConfigError> {
        self.0.set_same_site(SameSite::None);
        self.checked()
    }

    /// `Partitioned` (CHIPS): one cookie for each site that embeds this one.
    ///
    /// # Errors
    ///
    /// Without `Secure` browsers drop such a cookie.
    pub fn partitioned(mut self) -> Result<Self, ConfigError> {
        self.0.set_partitioned(true);
        self.checked()
    }

    /// Without `HttpOnly`: scripts of the page can read it, and so can whoever slips one in.
    pub fn script_readable(mut self) -> Self {
        self.0.set_http_only(false);
        self
    }

    /// Without `Secure`: sent over plain http as well, where everybody on the way reads it and can
    /// plant another. Browsers send a `Secure` cookie to `http://localhost`, but Safari does not,
    /// and neither does curl.
    ///
    /// # Errors
    ///
    /// `__Host-`, `__Secure-`, `SameSite=None` and `Partitioned` need `Secure`.
    pub fn dangerously_insecure(mut self) -> Result<Self, ConfigError> {
        self.0.set_secure(false);
        self.checked()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &str {
        self.0.value()
    }

    /// Adds it to a response's fields.
    pub fn append_to(self, headers: &mut HeaderMap) {
        headers.append(SET_COOKIE, self.into());
    }

    /// The same attributes under another name.
    pub(crate) fn renamed(mut self, name: Cow<'static, str>) -> Result<Self, ConfigError> {
        check_name(&name)?;
        self.0.set_name(name);
        self.checked()
    }

    /// The same attributes with another value.
    pub(crate) fn with_value(&self, value: String) -> Result<Self, ConfigError> {
        check_value(&value)?;
        let mut cookie = self.0.clone();
        cookie.set_value(value);
        Self(cookie).checked()
    }

    fn checked(self) -> Result<Self, ConfigError> {
        check(&self.0).map(|()| self)
    }
}

impl From<SetCookie> for HeaderValue {
    fn from(cookie: SetCookie) -> Self {
        // Every part is visible ASCII by now, with spaces in a path.
        let written = Self::try_from(cookie.0.to_string());
        let mut value = written.unwrap_or_else(|_| Self::from_static(""));
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for SetCookie {
    /// All but the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_value("..");
        f.debug_tuple("SetCookie")
            .field(&shown.to_string())
            .finish()
    }
}
