//! A cookie of a response: [`SetCookie`].

use std::{borrow::Cow, fmt, time::Duration};

use cookie::{
    Cookie, SameSite,
    time::{self, OffsetDateTime},
};
use http::{HeaderMap, HeaderValue, header::SET_COOKIE};

use crate::wire::{ConfigError, field};

/// 400 days, after which browsers discard any cookie (RFC 6265bis, section 5.5).
const MAX_AGE: u64 = 400 * 24 * 60 * 60;

/// A cookie that a response sets or removes: a part of axum's responses, and for other frameworks
/// [appended](Self::append_to) to the header fields.
///
/// By default it is `HttpOnly; SameSite=Lax; Secure; Path=/`, is sent only to the host that sets it,
/// and is discarded when the browser closes. Other cookies of the response stay. Anything that would
/// make browsers drop the cookie is an error; in a handler, `?` turns it into a 500.
///
/// A setter returns a `Result` only if there are cookies to which it can't be applied:
/// [`max_age`](Self::max_age), [`same_site_strict`](Self::same_site_strict) and
/// [`dangerously_without_same_site`](Self::dangerously_without_same_site) can be applied to all of
/// them.
///
/// # Prefixes
///
/// Browsers accept a cookie whose name has one of these prefixes only with these attributes (RFC
/// 6265bis), and so does this type, in whatever case the prefix is written:
///
/// | prefix | required |
/// |---|---|
/// | `__Secure-` | `Secure` |
/// | `__Host-` | `Secure`, `Path=/` and no `Domain` |
/// | `__Http-` | `Secure` and `HttpOnly` |
/// | `__Host-Http-` | all of these |
///
/// Browsers that do not know `__Http-` yet treat the name as any other, and `__Host-Http-` as
/// `__Host-`.
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
/// // `__Host-` promises that no other host has set the cookie, so a domain is an error.
/// assert!(SetCookie::new("__Host-cart", "a7f3")?.domain("example.com").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct SetCookie(Cookie<'static>);

impl SetCookie {
    /// A cookie with this name and value.
    ///
    /// A name that starts with `__Host-` is best: browsers then accept the cookie only from this host,
    /// over TLS.
    ///
    /// # Errors
    ///
    /// If the name is not a token; if the value contains white space, `"`, `,`, `;`, `\` or characters
    /// outside ASCII, which are not allowed in a cookie (RFC 6265, section 4.1.1); or if the cookie
    /// with its attributes is longer than the 4,096 bytes that browsers keep.
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

    /// Removes the cookie with this name. Browsers do so only if path, domain and partition are the same
    /// as when it was set.
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

    /// Removes this cookie: the same attributes without its value.
    pub fn into_removal(mut self) -> Self {
        self.0.set_value("");
        self.0.set_max_age(time::Duration::ZERO);
        // For clients that do not know `Max-Age`.
        self.0.set_expires(OffsetDateTime::UNIX_EPOCH);
        self
    }

    /// How long the browser keeps the cookie: whole seconds, rounded up, at most 400 days. Zero removes
    /// it.
    pub fn max_age(mut self, age: Duration) -> Self {
        let begun = u64::from(age.subsec_nanos() > 0);
        let seconds = age.as_secs().saturating_add(begun).min(MAX_AGE);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.0.set_max_age(time::Duration::seconds(seconds));
        self
    }

    /// Browsers send the cookie with requests to this path and below it; by default `/`. This does not
    /// hide the cookie from pages with other paths: scripts of one host can read each other's pages.
    ///
    /// # Errors
    ///
    /// If it does not start with `/`, contains characters that are not allowed in a cookie, or the name
    /// starts with `__Host-` and it is not `/`.
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        let path = path.into();
        check_path(&path)?;
        self.0.set_path(path);
        self.checked()
    }

    /// Without `Path`: browsers take the path of the request that sets the cookie, up to its last `/`
    /// (RFC 6265, section 5.1.4). Responses to requests of different paths then set different cookies
    /// of the same name; this is for an application that has always set its cookies like this.
    ///
    /// # Errors
    ///
    /// If the name starts with `__Host-`.
    pub fn without_path(mut self) -> Result<Self, ConfigError> {
        self.0.unset_path();
        self.checked()
    }

    /// Browsers also send the cookie to all subdomains of this domain. Each of them can then read it,
    /// and plant another one.
    ///
    /// # Errors
    ///
    /// If it is not a domain, or the name starts with `__Host-`.
    pub fn domain(mut self, domain: impl Into<Cow<'static, str>>) -> Result<Self, ConfigError> {
        let domain = domain.into();
        check_domain(&domain)?;
        self.0.set_domain(domain);
        self.checked()
    }

    /// `SameSite=Strict`: browsers do not send the cookie with requests that other sites cause, not even
    /// when the user follows a link from there.
    pub fn same_site_strict(mut self) -> Self {
        self.0.set_same_site(SameSite::Strict);
        self
    }

    /// Without `SameSite`: it depends on the browser whether it sends the cookie with requests that other
    /// sites cause. Chromium sends it with top-level `POST` requests for two minutes after it was set,
    /// and then treats it as `Lax`; Firefox and Safari send it with all of them. Protect all routes that
    /// use it with `with_csrf`.
    ///
    /// # Example
    ///
    /// ```
    /// use http::HeaderValue;
    /// use wythe::SetCookie;
    ///
    /// let cookie = SetCookie::new("legacy", "1")?.without_path()?.dangerously_without_same_site();
    /// assert_eq!(HeaderValue::from(cookie), "legacy=1; HttpOnly; Secure");
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn dangerously_without_same_site(mut self) -> Self {
        self.0.set_same_site(None);
        self
    }

    /// `SameSite=None`: browsers send the cookie with requests that other sites cause, so that any page
    /// can act as the user. Protect all routes that use it with `with_csrf`.
    ///
    /// # Errors
    ///
    /// If the cookie is not `Secure`: browsers would drop it.
    pub fn dangerously_cross_site(mut self) -> Result<Self, ConfigError> {
        self.0.set_same_site(SameSite::None);
        self.checked()
    }

    /// `Partitioned` (CHIPS): a separate cookie for each site that embeds this one.
    ///
    /// # Errors
    ///
    /// If the cookie is not `Secure`: browsers would drop it.
    pub fn partitioned(mut self) -> Result<Self, ConfigError> {
        self.0.set_partitioned(true);
        self.checked()
    }

    /// Without `HttpOnly`: scripts of the page can read the cookie, including injected ones.
    ///
    /// # Errors
    ///
    /// If the name starts with `__Http-` or `__Host-Http-`.
    pub fn script_readable(mut self) -> Result<Self, ConfigError> {
        self.0.set_http_only(false);
        self.checked()
    }

    /// Without `Secure`: browsers also send the cookie over plain http, where anybody on the network can
    /// read it and plant another one. Most browsers send a `Secure` cookie to `http://localhost`, but
    /// Safari and curl do not.
    ///
    /// # Errors
    ///
    /// If the cookie needs `Secure`: with one of the [prefixes](Self#prefixes), `SameSite=None` or
    /// `Partitioned`.
    pub fn dangerously_insecure(mut self) -> Result<Self, ConfigError> {
        self.0.set_secure(false);
        self.checked()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &str {
        self.0.value()
    }

    /// The name without the prefix that browsers know, if it has one.
    #[cfg(feature = "session")]
    pub(crate) fn name_without_prefix(&self) -> &str {
        let name = self.name();
        let prefix = Prefix::of(name).text();
        name.get(prefix.len()..).unwrap_or_default()
    }

    /// Appends the cookie to the header fields of a response.
    pub fn append_to(self, headers: &mut HeaderMap) {
        headers.append(SET_COOKIE, self.into());
    }

    /// The same attributes under another name.
    pub(crate) fn renamed(mut self, name: Cow<'static, str>) -> Result<Self, ConfigError> {
        check_name(&name)?;
        self.0.set_name(name);
        self.checked()
    }

    /// The same cookie for this domain and path.
    #[cfg(feature = "session")]
    pub(crate) fn moved_to(&self, domain: Option<&str>, path: &str) -> Result<Self, ConfigError> {
        let mut moved = self.clone();
        moved.0.unset_domain();
        let moved = moved.path(path.to_owned())?;
        match domain {
            Some(domain) => moved.domain(domain.to_owned()),
            None => Ok(moved),
        }
    }

    /// The domain and the path, if they are set.
    #[cfg(feature = "session")]
    pub(crate) fn place(&self) -> (Option<&str>, Option<&str>) {
        (self.0.domain(), self.0.path())
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
        // Every part has been checked: visible ASCII, with spaces in a path.
        let written = Self::try_from(cookie.0.to_string());
        let mut value = written.unwrap_or_else(|_| Self::from_static(""));
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for SetCookie {
    /// Without the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_value("..");
        f.debug_tuple("SetCookie")
            .field(&shown.to_string())
            .finish()
    }
}

/// The maximum length of a cookie in bytes (RFC 6265, section 6.1).
const MAX_COOKIE: usize = 4096;

/// The maximum length of everything except name, value, path and domain.
const ATTRIBUTES: usize = "=; HttpOnly; SameSite=Strict; Partitioned; Secure; Path=; Domain=; \
    Max-Age=34560000; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    .len();

/// Browsers ignore an attribute whose value is longer.
const MAX_ATTRIBUTE: usize = 1024;

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("SetCookie", message)
}

/// Checks the rules that concern several parts of a cookie (RFC 6265bis, section 5.7). A browser
/// silently drops a cookie that breaks one.
fn check(cookie: &Cookie<'static>) -> Result<(), ConfigError> {
    let path = cookie.path().unwrap_or_default();
    let domain = cookie.domain().unwrap_or_default();
    let secure = cookie.secure() == Some(true);
    let prefix = Prefix::of(cookie.name());
    let (host, http) = (prefix.is_host(), prefix.is_http());
    let rules = [
        (
            prefix != Prefix::None && !secure,
            "`__Host-`, `__Http-` and `__Secure-` need `Secure`",
        ),
        (
            http && cookie.http_only() != Some(true),
            "`__Http-` and `__Host-Http-` need `HttpOnly`",
        ),
        (host && path != "/", "`__Host-` needs the path `/`"),
        (
            host && !domain.is_empty(),
            "`__Host-` does not allow a domain",
        ),
        (
            cookie.same_site() == Some(SameSite::None) && !secure,
            "`SameSite=None` needs `Secure`",
        ),
        (
            cookie.partitioned() == Some(true) && !secure,
            "`Partitioned` needs `Secure`",
        ),
    ];
    if let Some((_, broken)) = rules.into_iter().find(|(breaks, _)| *breaks) {
        return Err(error(broken));
    }
    let length = [cookie.name(), cookie.value(), path, domain].map(str::len);
    let length: usize = length.into_iter().fold(ATTRIBUTES, usize::saturating_add);
    if length > MAX_COOKIE {
        let message =
            format!("the cookie has {length} bytes; browsers drop those of more than {MAX_COOKIE}");
        return Err(error(message));
    }
    Ok(())
}

/// What the name of a cookie promises (RFC 6265bis, section 4.1.3). Browsers ignore the case of a
/// prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prefix {
    None,
    Secure,
    Host,
    Http,
    HostHttp,
}

impl Prefix {
    /// The longest prefix of a name.
    fn of(name: &str) -> Self {
        let known = [Self::HostHttp, Self::Host, Self::Http, Self::Secure];
        let found = known.into_iter().find(|prefix| {
            let prefix = prefix.text().as_bytes();
            let start = name.as_bytes().get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        });
        found.unwrap_or(Self::None)
    }

    const fn text(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Secure => "__Secure-",
            Self::Host => "__Host-",
            Self::Http => "__Http-",
            Self::HostHttp => "__Host-Http-",
        }
    }

    const fn is_host(self) -> bool {
        matches!(self, Self::Host | Self::HostHttp)
    }

    const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::HostHttp)
    }
}

fn check_name(name: &str) -> Result<(), ConfigError> {
    if field::cookie::is_name(name) {
        return Ok(());
    }
    let name = name.escape_debug();
    Err(error(format!("the name `{name}` is not a token")))
}

/// `cookie-octet` (RFC 6265, section 4.1.1). The value may be a secret, and is not shown.
fn check_value(value: &str) -> Result<(), ConfigError> {
    let octet = |byte| matches!(byte, b'!' | b'#'..=b'+' | b'-'..=b':' | b'<'..=b'[' | b']'..=b'~');
    if value.bytes().all(octet) {
        return Ok(());
    }
    Err(error(
        "the value contains characters that are not allowed in a cookie: encode it, for example in \
         base64url",
    ))
}

fn check_path(path: &str) -> Result<(), ConfigError> {
    let allowed = |byte| matches!(byte, b' '..=b':' | b'<'..=b'~');
    if path.starts_with('/') && path.bytes().all(allowed) && path.len() <= MAX_ATTRIBUTE {
        return Ok(());
    }
    let path = path.escape_debug();
    Err(error(format!(
        "`{path}` is not a path: a path starts with `/` and does not contain `;`"
    )))
}

fn check_domain(domain: &str) -> Result<(), ConfigError> {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(allowed)
    };
    if domain.split('.').all(is_label) && domain.len() <= 253 {
        return Ok(());
    }
    let domain = domain.escape_debug();
    Err(error(format!("`{domain}` is not a domain")))
}
