//! Says why a session was refused, to the log and, in fewer words, to the client.

use std::{error::Error, fmt};

use http::HeaderValue;

use crate::layers::auth::Refusal;

/// Why a session was refused: the [`cause`](crate::Problem::cause) of the answer's `Problem`.
///
/// It is for the log. The client learns that the session has ended, and not how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionRefusal {
    /// Several session cookies in one request.
    Repeated,
    /// Longer than any cookie of this server.
    TooLong,
    /// Changed, made for another name or with an unknown key, or never a session at all.
    Unreadable,
    /// The data are of another type: of another version of the program, perhaps.
    Data,
    /// It began too long ago.
    Expired,
    /// It was not used for too long.
    Idle,
    /// The store does not have it: it was ended, or its time is over.
    Unknown,
    /// It begins in the future: a clock is wrong.
    NotYet,
    /// The check of [`Sessions::check`](super::Sessions::check) refuses it.
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
    /// The reason in one word that never changes, as the log has it.
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

    /// A 400 for several, and 401 for the rest.
    pub(super) fn refusal(self, challenge: &HeaderValue) -> Refusal {
        if self == Self::Repeated {
            return Refusal::malformed(self)
                .scheme("Cookie")
                .reason(self.code())
                .detail("The request holds several session cookies.");
        }
        // A browser sends the cookie of its own accord, to the page that signs in as well.
        Refusal::new(self)
            .scheme("Cookie")
            .reason(self.code())
            .challenge(challenge.clone())
            .detail("The session has ended.")
            .unless_optional()
    }
}

impl fmt::Display for SessionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repeated => "several session cookies in one request",
            Self::TooLong => "the session cookie is too long",
            Self::Unreadable => "the session cookie is not one of this server",
            Self::Data => "the data of the session are of another type",
            Self::Expired => "the session began too long ago",
            Self::Idle => "the session was not used for too long",
            Self::Unknown => "the session is not in the store",
            Self::NotYet => "the session begins in the future",
            Self::Check => "the check refuses the session",
        })
    }
}

impl Error for SessionRefusal {}
