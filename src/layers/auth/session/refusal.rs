//! Why a session is refused, for the log and, in less detail, for the client.

use std::{error::Error, fmt};

use http::HeaderValue;

use crate::layers::auth::Refusal;

/// Why a session was refused: the [`cause`](crate::Problem::cause) of the answer's `Problem`.
///
/// It is for the log. The client learns only that the session has ended, not why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionRefusal {
    /// The cookies of several valid sessions in one request, or more session cookies than are tried.
    Repeated,
    /// Longer than any session cookie of this server.
    TooLong,
    /// Modified, made for another name or with an unknown key, or not a session at all.
    Unreadable,
    /// The data has another type: it may come from another version of the program.
    Data,
    /// The session began too long ago.
    Expired,
    /// The session was not used for too long.
    Idle,
    /// Not in the store: it was ended, or it has expired.
    Unknown,
    /// The session begins in the future: a clock is wrong.
    NotYet,
    /// Rejected by the check of [`Sessions::check`](super::Sessions::check).
    Check,
}

pub(super) const ALL: [SessionRefusal; 9] = [
    SessionRefusal::Repeated,
    SessionRefusal::TooLong,
    SessionRefusal::Unreadable,
    SessionRefusal::Data,
    SessionRefusal::Expired,
    SessionRefusal::Idle,
    SessionRefusal::Unknown,
    SessionRefusal::NotYet,
    SessionRefusal::Check,
];

impl SessionRefusal {
    /// The codes of a 401.
    pub(super) const ENDED: [&str; 8] = [
        Self::TooLong.code(),
        Self::Unreadable.code(),
        Self::Data.code(),
        Self::Expired.code(),
        Self::Idle.code(),
        Self::Unknown.code(),
        Self::NotYet.code(),
        Self::Check.code(),
    ];

    /// The reason as a stable code, for the log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Repeated => "several_sessions",
            Self::TooLong => "too_long",
            Self::Unreadable => "unreadable",
            Self::Data => "data",
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::Unknown => "unknown_session",
            Self::NotYet => "not_yet_valid",
            Self::Check => "check",
        }
    }

    /// A 400 for several cookies, and a 401 otherwise.
    pub(super) fn refusal(self, challenge: &HeaderValue) -> Refusal {
        let refusal = if self == Self::Repeated {
            Refusal::malformed(self).detail("The request contains several session cookies.")
        } else {
            Refusal::new(self)
                .challenge(challenge.clone())
                .detail("The session has ended.")
        };
        // A browser sends the cookie automatically, even to the sign-in page.
        refusal
            .scheme("Cookie")
            .reason(self.code())
            .unless_optional()
    }
}

impl fmt::Display for SessionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repeated => "several session cookies in one request",
            Self::TooLong => "the session cookie is too long",
            Self::Unreadable => "the session cookie was not made by this server",
            Self::Data => "the data of the session have another type",
            Self::Expired => "the session began too long ago",
            Self::Idle => "the session was not used for too long",
            Self::Unknown => "the session is not in the store",
            Self::NotYet => "the session begins in the future",
            Self::Check => "the application rejects the session",
        })
    }
}

impl Error for SessionRefusal {}
