//! Why a request was rejected: for the log, but not for the client.

use std::{error::Error, fmt, sync::LazyLock};

use http::StatusCode;

use crate::{contract::description::Answer, wire::Problem};

/// Why a request was rejected: the [`cause`](Problem::cause) of the `Problem`.
///
/// It is for the log. The client gets the same answer whatever the reason.
///
/// # Example
///
/// ```
/// use wythe::{Problem, csrf::CsrfRefusal};
///
/// /// Whether a page of another site sent it: worth an alert, unlike an expired token.
/// fn is_attack(problem: &Problem) -> bool {
///     let cause = problem.cause().and_then(|cause| cause.downcast_ref());
///     matches!(cause, Some(CsrfRefusal::CrossSite | CsrfRefusal::OtherOrigin))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CsrfRefusal {
    /// `Sec-Fetch-Site` is neither `same-origin` nor `none`, and no trusted origin sent it.
    CrossSite,
    /// No `Sec-Fetch-Site`, and the `Origin` is not the one that the request was sent to.
    OtherOrigin,
    /// As `OtherOrigin`, but the `Origin` is `null`: a sandboxed frame, a file, or a redirect.
    NullOrigin,
    /// No `Sec-Fetch-Site`, and no host to compare the `Origin` with.
    NoHost,
    /// Several lines of `Sec-Fetch-Site` or `Origin`.
    SeveralFields,
    /// A token is required for every request, but the request has no session.
    NoSession,
    /// A token is required, but there is none.
    NoToken,
    /// Several tokens.
    SeveralTokens,
    /// The token was not issued for this session, or not with one of the keys.
    WrongToken,
    /// The token was issued too long ago.
    ExpiredToken,
}

const ALL: [CsrfRefusal; 10] = [
    CsrfRefusal::CrossSite,
    CsrfRefusal::OtherOrigin,
    CsrfRefusal::NullOrigin,
    CsrfRefusal::NoHost,
    CsrfRefusal::SeveralFields,
    CsrfRefusal::NoSession,
    CsrfRefusal::NoToken,
    CsrfRefusal::SeveralTokens,
    CsrfRefusal::WrongToken,
    CsrfRefusal::ExpiredToken,
];

/// The answers, built once: they differ only in their cause.
static PROBLEMS: LazyLock<[(CsrfRefusal, Problem); ALL.len()]> =
    LazyLock::new(|| ALL.map(|reason| (reason, reason.build())));

impl CsrfRefusal {
    /// The answer to the request.
    pub(super) fn problem(self) -> Problem {
        let built = PROBLEMS.iter().find(|(reason, _)| *reason == self);
        built.map_or_else(|| self.build(), |(_, problem)| problem.clone())
    }

    /// The reason in one word, as in the log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::CrossSite => "cross_site",
            Self::OtherOrigin => "cross_origin",
            Self::NullOrigin => "null_origin",
            Self::NoHost => "no_host",
            Self::SeveralFields => "several_fields",
            Self::NoSession => "no_session",
            Self::NoToken => "no_token",
            Self::SeveralTokens => "several_tokens",
            Self::WrongToken => "wrong_token",
            Self::ExpiredToken => "expired_token",
        }
    }

    /// The answer to requests whose origin is rejected.
    pub(super) fn of_origins() -> Answer {
        const OTHER_REASONS: [CsrfRefusal; 4] = [
            CsrfRefusal::OtherOrigin,
            CsrfRefusal::NullOrigin,
            CsrfRefusal::NoHost,
            CsrfRefusal::SeveralFields,
        ];
        let first = Answer::of(&Self::CrossSite.problem());
        OTHER_REASONS
            .into_iter()
            .fold(first, |answer, reason| answer.or(&reason.problem()))
    }

    /// The answer to requests without a valid token.
    #[cfg(feature = "csrf-token")]
    pub(super) fn of_tokens() -> Answer {
        const OTHER_REASONS: [CsrfRefusal; 4] = [
            CsrfRefusal::NoToken,
            CsrfRefusal::SeveralTokens,
            CsrfRefusal::WrongToken,
            CsrfRefusal::ExpiredToken,
        ];
        let first = Answer::of(&Self::NoSession.problem());
        OTHER_REASONS
            .into_iter()
            .fold(first, |answer, reason| answer.or(&reason.problem()))
    }

    fn build(self) -> Problem {
        Problem::new(StatusCode::FORBIDDEN)
            .reason(self.code())
            .detail("The request was not sent by a page of this site.")
            .because(self)
    }
}

impl fmt::Display for CsrfRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CrossSite => "another site sent it, according to Sec-Fetch-Site",
            Self::OtherOrigin => "another origin sent it",
            Self::NullOrigin => "the origin is null",
            Self::NoHost => "there is an origin, but no host to compare it with",
            Self::SeveralFields => "several lines of Sec-Fetch-Site or Origin",
            Self::NoSession => "the request has no session",
            Self::NoToken => "no token",
            Self::SeveralTokens => "several tokens",
            Self::WrongToken => "the token was not issued for this session",
            Self::ExpiredToken => "the token has expired",
        })
    }
}

impl Error for CsrfRefusal {}
