//! Says what a scheme answers to wrong credentials: [`Refusal`].

use std::{error::Error, fmt};

use http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE};

use crate::wire::{BoxError, Problem};

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
pub struct Refusal {
    problem: Problem,
    unless_optional: bool,
}

impl Refusal {
    /// A 401 with the scheme's own challenge. The cause goes to the log and not to the client.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let problem = Problem::new(StatusCode::UNAUTHORIZED).because(cause);
        Self::from_problem(problem.reason("wrong_credentials"))
    }

    /// A 400 without a challenge: what was sent can't be read as credentials of this scheme.
    pub fn malformed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let problem = Problem::new(StatusCode::BAD_REQUEST).because(cause);
        Self::from_problem(problem.reason("malformed_credentials"))
    }

    /// Another challenge than the scheme's own.
    pub fn challenge(self, challenge: HeaderValue) -> Self {
        self.change(|problem| problem.header(WWW_AUTHENTICATE, challenge))
    }

    /// What the client is told.
    pub fn detail(self, detail: &'static str) -> Self {
        self.change(|problem| problem.detail(detail))
    }

    /// The cause in one word that never changes, for the log: `wrong_credentials` unless told, and
    /// `malformed_credentials` of what can't be read.
    pub fn reason(self, code: &'static str) -> Self {
        self.change(|problem| problem.reason(code))
    }

    /// The name of the scheme that refuses, for the log.
    pub fn scheme(self, name: &'static str) -> Self {
        self.change(|problem| problem.scheme(name))
    }

    /// Where credentials are [optional](crate::With::optional), the request passes as one that has
    /// none.
    ///
    /// It is for credentials that a browser sends of its own accord, a cookie that is over for
    /// example: refused everywhere, its owner could not even open the page to sign in again. Who
    /// has to add credentials to a request can leave them out.
    pub fn unless_optional(self) -> Self {
        Self {
            unless_optional: true,
            ..self
        }
    }

    pub(super) const fn is_unless_optional(&self) -> bool {
        self.unless_optional
    }

    pub(super) const fn from_problem(problem: Problem) -> Self {
        Self {
            problem,
            unless_optional: false,
        }
    }

    /// The same refusal with another answer.
    fn change(self, change: impl FnOnce(Problem) -> Problem) -> Self {
        Self {
            problem: change(self.problem),
            ..self
        }
    }

    /// The answer. A 401 has a challenge, come what may (RFC 9110, section 15.5.2).
    pub(super) fn into_problem(self, challenge: &HeaderValue) -> Problem {
        let bare = self.problem.status() == StatusCode::UNAUTHORIZED
            && !self.problem.headers().contains_key(WWW_AUTHENTICATE);
        if bare {
            return self.problem.header(WWW_AUTHENTICATE, challenge.clone());
        }
        self.problem
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
