//! Says what a scheme answers to wrong credentials: [`Refusal`].

use std::{error::Error, fmt};

use http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE};

use crate::{body::BoxError, problem::Problem};

/// Wrong credentials: a 401, or a 400 for what can't be read.
///
/// A clone is cheap, so a refusal that never varies is best built once and cloned.
///
/// # Example
///
/// ```
/// use http::HeaderValue;
/// use wythe::{Refusal, Verdict};
///
/// let expired = Refusal::new("the key expired")
///     .challenge(HeaderValue::from_static(r#"ApiKey realm="orders", error="expired""#))
///     .detail("The key expired: ask for a new one.")
///     .scheme("ApiKey")
///     .reason("expired");
/// let verdict = Verdict::<()>::Refused(expired);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Refusal(Problem);

impl Refusal {
    /// A 401 with the scheme's own challenge. The cause goes to the log and not to the client.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let problem = Problem::new(StatusCode::UNAUTHORIZED).because(cause);
        Self(problem.reason("wrong_credentials"))
    }

    /// A 400 without a challenge: what was sent can't be read as credentials of this scheme.
    pub fn malformed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let problem = Problem::new(StatusCode::BAD_REQUEST).because(cause);
        Self(problem.reason("malformed_credentials"))
    }

    /// Another challenge than the scheme's own.
    pub fn challenge(self, challenge: HeaderValue) -> Self {
        Self(self.0.header(WWW_AUTHENTICATE, challenge))
    }

    /// What the client is told.
    pub fn detail(self, detail: &'static str) -> Self {
        Self(self.0.detail(detail))
    }

    /// The cause in one word that never changes, for the log: `wrong_credentials` unless told, and
    /// `malformed_credentials` of what can't be read.
    pub fn reason(self, code: &'static str) -> Self {
        Self(self.0.reason(code))
    }

    /// The name of the scheme that refuses, for the log.
    pub fn scheme(self, name: &'static str) -> Self {
        Self(self.0.scheme(name))
    }

    pub(super) const fn from_problem(problem: Problem) -> Self {
        Self(problem)
    }

    /// The answer. A 401 has a challenge, come what may (RFC 9110, section 15.5.2).
    pub(super) fn into_problem(self, challenge: &HeaderValue) -> Problem {
        let bare = self.0.status() == StatusCode::UNAUTHORIZED
            && !self.0.headers().contains_key(WWW_AUTHENTICATE);
        if bare {
            return self.0.header(WWW_AUTHENTICATE, challenge.clone());
        }
        self.0
    }
}

/// Why credentials could not be checked, and in which scheme.
#[derive(Debug)]
pub(super) struct Unchecked {
    pub(super) scheme: &'static str,
    pub(super) cause: BoxError,
}

impl fmt::Display for Unchecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for Unchecked {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}
