//! A token that was issued.

use std::fmt;

use http::HeaderValue;

/// A token for the pages of one session: 72 characters of base64url, which stand in a header
/// field, a cookie or an attribute of HTML as they are.
///
/// It is made by [`CsrfTokens::issue`](super::CsrfTokens::issue), and is not shown by `Debug`.
#[derive(Clone)]
#[must_use]
pub struct CsrfToken(pub(super) String);

impl CsrfToken {
    /// The token's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<CsrfToken> for String {
    fn from(token: CsrfToken) -> Self {
        token.0
    }
}

impl From<CsrfToken> for HeaderValue {
    fn from(token: CsrfToken) -> Self {
        // Letters, digits, `-` and `_`: always a value.
        Self::try_from(token.0).unwrap_or_else(|_| Self::from_static(""))
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken(..)")
    }
}
