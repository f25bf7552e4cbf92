//! The cookies of a request: [`Cookies`].

use std::{error::Error, fmt, str::FromStr};

use http::{HeaderMap, HeaderValue, StatusCode, header::COOKIE};

use crate::wire::{
    Problem,
    field::cookie::{Cookie, find_in},
};

/// The cookies that a client sent: an argument of axum's handlers, and [for all others](Self::of).
///
/// It shares the request's fields and reads them when it is asked; nothing is copied.
///
/// # Example
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::COOKIE};
/// use wythe::{CookieError, Cookies};
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
    /// HTTP/1.1 has one line at most.
    first: Option<HeaderValue>,
    others: Vec<HeaderValue>,
}

impl Cookies {
    /// The cookies in a request's fields.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(COOKIE).iter().cloned();
        Self {
            first: lines.next(),
            others: lines.collect(),
        }
    }

    /// The value of this name, as it was sent; quotes around it are part of it. Names are
    /// case-sensitive.
    ///
    /// # Errors
    ///
    /// If the name was sent more than once, or the value is not UTF-8. In a handler, `?` turns the
    /// error into a 400.
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

    /// The value of this name as a `T`.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find), or if the value is no `T`.
    pub fn parse<T: FromStr>(&self, name: &str) -> Result<Option<T>, CookieError> {
        let value = self.find(name)?;
        let parsed = value.map(str::parse).transpose();
        parsed.or(Err(CookieError::Unreadable))
    }
}

impl fmt::Debug for Cookies {
    /// Neither values nor names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookies(..)")
    }
}

/// Why a cookie can't be read. As a [`Problem`] it is a 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieError {
    /// There are several of this name.
    Repeated,
    /// The value is not UTF-8.
    NotText,
    /// The value is not of the type that was asked for.
    Unreadable,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repeated => "a cookie was sent more than once",
            Self::NotText => "a cookie is not UTF-8",
            Self::Unreadable => "a cookie has a value that can't be read",
        })
    }
}

impl Error for CookieError {}

impl From<CookieError> for Problem {
    fn from(error: CookieError) -> Self {
        let detail = match error {
            CookieError::Repeated => "A cookie was sent more than once.",
            CookieError::NotText | CookieError::Unreadable => "A cookie can't be read.",
        };
        Self::new(StatusCode::BAD_REQUEST)
            .detail(detail)
            .because(error)
    }
}
