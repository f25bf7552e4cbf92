//! A scheme's decision about a request, [`Verdict`], and the reason for a refusal, [`Refusal`].

use std::{error::Error, fmt, iter, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::WWW_AUTHENTICATE};

use crate::{
    layers::auth::response_fields,
    wire::{BoxError, Problem, field::challenge::without_repeated},
};

/// A scheme's decision about a request.
#[expect(
    clippy::exhaustive_enums,
    reason = "the contract: a scheme says one of these"
)]
pub enum Verdict<P> {
    /// The request has no credentials of this scheme.
    Missing,
    /// The credentials are valid: this is the sender of the request.
    Verified(P),
    /// The credentials are valid, and there are further details: fields for the response, such as a
    /// renewed cookie, or which of several schemes the credentials belong to.
    VerifiedWith(P, Details),
    /// There are credentials, and they are invalid.
    Refused(Refusal),
    /// The credentials could not be checked: the answer is 503, with the cause in the log.
    Failed(Box<dyn Error + Send + Sync>),
}

impl<P> Verdict<P> {
    /// The credentials are invalid, for this reason, which is logged but not sent to the client.
    pub fn refused(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused(Refusal::new(reason))
    }

    /// The credentials could not be checked: [`Failed`](Self::Failed), with the name of the scheme
    /// for the log.
    pub fn failed(scheme: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(Box::new(Failure {
            scheme,
            cause: cause.into(),
        }))
    }

    /// The same verdict, with this name of the scheme of valid credentials unless it already has one.
    pub(super) fn of_scheme(self, name: &Arc<str>) -> Self {
        let (principal, mut details) = match self {
            Self::Verified(principal) => (principal, Details::new()),
            Self::VerifiedWith(principal, details) => (principal, details),
            verdict => return verdict,
        };
        details.scheme.get_or_insert_with(|| Arc::clone(name));
        Self::VerifiedWith(principal, details)
    }

    /// The same verdict about another principal, or that principal's refusal.
    pub(super) fn try_map<Q>(self, turn: impl FnOnce(P) -> Result<Q, Refusal>) -> Verdict<Q> {
        match self {
            Self::Missing => Verdict::Missing,
            Self::Verified(principal) => {
                turn(principal).map_or_else(Verdict::Refused, Verdict::Verified)
            }
            Self::VerifiedWith(principal, details) => match turn(principal) {
                Ok(principal) => Verdict::VerifiedWith(principal, details),
                Err(refusal) => Verdict::Refused(refusal),
            },
            Self::Refused(refusal) => Verdict::Refused(refusal),
            Self::Failed(cause) => Verdict::Failed(cause),
        }
    }
}

/// Details that a [`Verdict`] adds to the principal.
///
/// # Example
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::SET_COOKIE};
/// use wythe::auth::{Details, Verdict};
///
/// let mut fields = HeaderMap::new();
/// fields.insert(SET_COOKIE, HeaderValue::from_static("seen=1; Path=/; HttpOnly"));
/// let verdict = Verdict::VerifiedWith("ann", Details::new().fields(fields));
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Details {
    pub(in crate::layers::auth) fields: Option<Box<HeaderMap>>,
    pub(in crate::layers::auth) scheme: Option<Arc<str>>,
}

impl Details {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            fields: None,
            scheme: None,
        }
    }

    /// Fields that are added to the response: a renewed cookie, or `Authentication-Info` (RFC 9110,
    /// section 11.6.3). They are appended; a cookie that the handler itself sets or removes is left
    /// alone.
    pub fn fields(self, fields: HeaderMap) -> Self {
        Self {
            fields: Some(Box::new(fields)),
            ..self
        }
    }

    /// The name of the scheme that the credentials belong to, as in a challenge; set it if your scheme
    /// has several. By default it is the first name in its own challenge. The challenge of a 403 for
    /// missing scopes then has this name.
    pub fn scheme(self, name: impl Into<Arc<str>>) -> Self {
        Self {
            scheme: Some(name.into()),
            ..self
        }
    }

    /// The details that a closure gave about a principal, combined with the scheme's own.
    pub(super) fn merge(mut self, scheme: Self) -> Self {
        self.fields = match (self.fields, scheme.fields) {
            (Some(mut own), Some(fields)) => {
                response_fields::join(*fields, &mut own);
                Some(own)
            }
            (own, fields) => own.or(fields),
        };
        self.scheme = self.scheme.or(scheme.scheme);
        self
    }
}

impl fmt::Debug for Details {
    /// Omits the fields, which may contain a cookie.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Details")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

impl<P> fmt::Debug for Verdict<P> {
    /// Only the kind of verdict; a principal may contain data that must not be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::Verified(_) => "Verified",
            Self::VerifiedWith(..) => "VerifiedWith",
            Self::Refused(_) => "Refused",
            Self::Failed(_) => "Failed",
        })
    }
}

/// The reason of a refusal for which the scheme gives none.
pub(super) const WRONG_CREDENTIALS: &str = "wrong_credentials";

/// Invalid credentials: a 401, or a 400 for credentials that cannot be parsed.
///
/// Cloning is cheap: build a refusal that never varies once, and clone it.
///
/// # Example
///
/// ```
/// use http::HeaderValue;
/// use wythe::auth::{Refusal, Verdict};
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
    /// A 401 with the scheme's own challenge. The cause is logged, but not sent to the client.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let problem = Problem::new(StatusCode::UNAUTHORIZED).because(cause);
        Self::from_problem(problem.reason(WRONG_CREDENTIALS))
    }

    /// A 400 without a challenge: the value cannot be parsed as credentials of this scheme.
    pub fn malformed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let problem = Problem::new(StatusCode::BAD_REQUEST).because(cause);
        Self::from_problem(problem.reason("malformed_credentials"))
    }

    /// Sends this challenge instead of the scheme's own.
    pub fn challenge(self, challenge: HeaderValue) -> Self {
        self.change(|problem| problem.header(WWW_AUTHENTICATE, challenge))
    }

    /// The `detail` of the problem that the client gets.
    pub fn detail(self, detail: &'static str) -> Self {
        self.change(|problem| problem.detail(detail))
    }

    /// The cause as a stable code for the log; by default `wrong_credentials`, or
    /// `malformed_credentials` for a [malformed](Self::malformed) refusal.
    pub fn reason(self, code: &'static str) -> Self {
        self.change(|problem| problem.reason(code))
    }

    /// The name of the scheme that refuses, for the log.
    pub fn scheme(self, name: &'static str) -> Self {
        self.change(|problem| problem.scheme(name))
    }

    /// Where credentials are [optional](crate::With::optional), treats the request as one without
    /// credentials.
    ///
    /// This is for credentials that a browser sends automatically, such as an expired cookie: if they
    /// were refused everywhere, the user could not even open the sign-in page. A client that adds
    /// credentials explicitly, such as an `Authorization` field, can leave them out.
    ///
    /// If several schemes are combined ([`or`](super::Authenticate::or)), the next one is asked.
    /// `Sessions` and `Jwt` refuse their cookies in this way.
    pub fn unless_optional(self) -> Self {
        Self {
            unless_optional: true,
            ..self
        }
    }

    /// Adds a field to the answer.
    pub(in crate::layers::auth) fn field(self, name: HeaderName, value: HeaderValue) -> Self {
        self.change(|problem| problem.header(name, value))
    }

    pub(in crate::layers::auth) const fn is_unless_optional(&self) -> bool {
        self.unless_optional
    }

    /// The answer, without the challenge that the layer adds.
    pub(in crate::layers::auth) const fn problem(&self) -> &Problem {
        &self.problem
    }

    pub(in crate::layers::auth) const fn from_problem(problem: Problem) -> Self {
        Self {
            problem,
            unless_optional: false,
        }
    }

    /// The answer. A 401 always has a challenge (RFC 9110, section 15.5.2).
    pub(in crate::layers::auth) fn into_problem(self, challenge: &HeaderValue) -> Problem {
        let bare = self.problem.status() == StatusCode::UNAUTHORIZED
            && !self.problem.headers().contains_key(WWW_AUTHENTICATE);
        if bare {
            return self.problem.header(WWW_AUTHENTICATE, challenge.clone());
        }
        self.problem
    }

    /// The refusal with its own challenge, or else that of its scheme, followed by the challenge of
    /// another scheme, unless that would only repeat the first.
    pub(in crate::layers::auth) fn with_challenges(
        self,
        own: &HeaderValue,
        other: &HeaderValue,
    ) -> Self {
        let unless_optional = self.unless_optional;
        let problem = self.into_problem(own);
        let is_challenge = problem.status() == StatusCode::UNAUTHORIZED;
        let sent = problem.headers().get_all(WWW_AUTHENTICATE).iter();
        let other = is_challenge.then(|| without_repeated(other, sent));
        Self {
            problem: match other.flatten() {
                Some(other) => problem.header(WWW_AUTHENTICATE, other),
                None => problem,
            },
            unless_optional,
        }
    }

    fn change(self, change: impl FnOnce(Problem) -> Problem) -> Self {
        Self {
            problem: change(self.problem),
            ..self
        }
    }
}

/// Both challenges in one field line, which may hold a list of them (RFC 9110, section 11.6.1),
/// without repetitions.
pub(in crate::layers::auth) fn join_challenges(
    first: &HeaderValue,
    second: &HeaderValue,
) -> HeaderValue {
    let Some(second) = without_repeated(second, iter::once(first)) else {
        return first.clone();
    };
    // Two valid values joined by a comma are a valid value.
    let joined = [first.as_bytes(), b", ", second.as_bytes()].concat();
    HeaderValue::from_bytes(&joined).unwrap_or_else(|_| first.clone())
}

/// Why credentials could not be checked, and in which scheme.
#[derive(Debug)]
struct Failure {
    scheme: &'static str,
    cause: BoxError,
}

/// The answer if credentials could not be checked: a 503, or the `Problem` of status 5xx that the
/// check returned as its error.
pub(in crate::layers::auth) fn unavailable(cause: BoxError) -> Problem {
    let cause = match cause.downcast::<Failure>() {
        Ok(failure) => return server_error(failure.cause, "unavailable").scheme(failure.scheme),
        Err(cause) => cause,
    };
    match cause.downcast::<LookUpFailure>() {
        Ok(failure) => server_error(failure.0, LOOK_UP_FAILED),
        Err(cause) => server_error(cause, "unavailable"),
    }
}

fn server_error(cause: BoxError, reason: &'static str) -> Problem {
    match cause.downcast::<Problem>() {
        Ok(problem) if problem.status().is_server_error() => match problem.reason_code() {
            Some(_) => *problem,
            None => problem.reason(reason),
        },
        Ok(problem) => Problem::unavailable(problem).reason(reason),
        Err(cause) => Problem::unavailable(cause).reason(reason),
    }
}

/// The reason when the principal of valid credentials could not be looked up.
pub(super) const LOOK_UP_FAILED: &str = "look_up_failed";

/// The error of the closure of [`Authenticate::and_then`](super::Authenticate::and_then).
#[derive(Debug)]
pub(super) struct LookUpFailure(pub(super) BoxError);

impl fmt::Display for LookUpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for LookUpFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}
