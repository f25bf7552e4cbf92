//! The cookies of a request: [`Cookies`].

use std::{error::Error, fmt, str::FromStr};

use http::{HeaderMap, HeaderValue, StatusCode, header::COOKIE};

use crate::wire::{
    Problem,
    field::cookie::{Cookie, find_in, values_in},
};

/// The cookies of a request: an argument of axum's handlers, and for other frameworks made
/// [from the header fields](Self::of).
///
/// It shares the request's fields, and parses them on demand.
///
/// # Example
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::COOKIE};
/// use wythe::{Cookies, cookies::CookieError};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(COOKIE, HeaderValue::from_static("theme=dark; size=12; id=1; id=2"));
///
/// let cookies = Cookies::of(&headers);
/// assert_eq!(cookies.find("theme"), Ok(Some("dark")));
/// assert_eq!(cookies.find("lang"), Ok(None));
/// assert_eq!(cookies.find("id"), Err(CookieError::Repeated));
/// assert_eq!(cookies.parse("size"), Ok(Some(12)));
/// assert_eq!(cookies.parse::<u8>("theme"), Err(CookieError::Unreadable));
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Cookies {
    /// The only line in HTTP/1.1; HTTP/2 may have more.
    first: Option<HeaderValue>,
    others: Vec<HeaderValue>,
}

impl Cookies {
    /// The cookies in the header fields of a request.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(COOKIE).iter().cloned();
        Self {
            first: lines.next(),
            others: lines.collect(),
        }
    }

    /// The value of the cookie with this name, as it was sent, including quotes. Names are
    /// case-sensitive.
    ///
    /// # Errors
    ///
    /// If there are several cookies with this name ([`find_all`](Self::find_all) returns them), or the
    /// value is not UTF-8. In a handler, `?` turns the error into a 400.
    pub fn find(&self, name: &str) -> Result<Option<&str>, CookieError> {
        match find_in(self.first.iter().chain(&self.others), name) {
            Cookie::Absent => Ok(None),
            Cookie::Repeated => Err(CookieError::Repeated),
            Cookie::Value(value) => match str::from_utf8(value) {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(CookieError::NotText),
            },
        }
    }

    /// The values of all cookies with this name, in the order in which they were sent. Those of longer
    /// paths come first in most browsers, but a server must not rely on the order (RFC 6265, section
    /// 4.2.2): this is for values that can be checked, such as signed ones.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue, header::COOKIE};
    /// use wythe::Cookies;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(COOKIE, HeaderValue::from_static("id=1; theme=dark; id=2"));
    ///
    /// let cookies = Cookies::of(&headers);
    /// let ids: Result<Vec<_>, _> = cookies.find_all("id").collect();
    /// assert_eq!(ids, Ok(vec!["1", "2"]));
    /// ```
    ///
    /// # Errors
    ///
    /// Each value that is not UTF-8 is an error of its own.
    pub fn find_all(&self, name: &str) -> impl Iterator<Item = Result<&str, CookieError>> {
        let values = values_in(self.first.iter().chain(&self.others), name);
        values.map(|value| str::from_utf8(value).or(Err(CookieError::NotText)))
    }

    /// The value of the cookie with this name, parsed as a `T`.
    ///
    /// # Errors
    ///
    /// As for [`find`](Self::find), or if the value cannot be parsed.
    pub fn parse<T: FromStr>(&self, name: &str) -> Result<Option<T>, CookieError> {
        let value = self.find(name)?;
        let parsed = value.map(str::parse).transpose();
        parsed.or(Err(CookieError::Unreadable))
    }
}

impl fmt::Debug for Cookies {
    /// Without names and values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookies(..)")
    }
}

/// Why a cookie cannot be read. As a [`Problem`] it is a 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieError {
    /// There are several cookies with this name.
    Repeated,
    /// The value is not UTF-8.
    NotText,
    /// The value cannot be parsed as the requested type.
    Unreadable,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repeated => "a cookie was sent more than once",
            Self::NotText => "a cookie is not UTF-8",
            Self::Unreadable => "the value of a cookie cannot be parsed",
        })
    }
}

impl Error for CookieError {}

impl From<CookieError> for Problem {
    fn from(error: CookieError) -> Self {
        let detail = match error {
            CookieError::Repeated => "A cookie was sent more than once.",
            CookieError::NotText | CookieError::Unreadable => "The value of a cookie is malformed.",
        };
        Self::new(StatusCode::BAD_REQUEST)
            .detail(detail)
            .because(error)
    }
}
