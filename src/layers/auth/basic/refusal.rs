//! Why a user name and a password are refused, for the log and, in less detail, for the client.

use std::{error::Error, fmt, sync::Arc};

use http::{HeaderValue, StatusCode, header::RETRY_AFTER};

use crate::{layers::auth::Refusal, wire::Problem};

/// Why a user name and a password were refused: the [`cause`](crate::Problem::cause) of the answer's
/// `Problem`.
///
/// It is for the log. It does not reveal whether the user exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BasicRefusal {
    /// Several `Authorization` fields.
    Several,
    /// Longer than 1,024 bytes.
    TooLong,
    /// Not base64 with padding.
    Base64,
    /// Not UTF-8.
    Encoding,
    /// A control character in the user or the password.
    ControlCharacter,
    /// No colon after the user.
    NoColon,
    /// No such user, or a wrong password.
    Wrong,
    /// Too many passwords are being checked at the moment.
    Busy,
}

impl BasicRefusal {
    /// The codes of a 401.
    pub(super) const INVALID: [&str; 6] = [
        Self::TooLong.code(),
        Self::Base64.code(),
        Self::Encoding.code(),
        Self::ControlCharacter.code(),
        Self::NoColon.code(),
        Self::Wrong.code(),
    ];

    /// The reason as a stable code, for the log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Several => "several_credentials",
            Self::TooLong => "too_long",
            Self::Base64 => "base64",
            Self::Encoding => "encoding",
            Self::ControlCharacter => "control_character",
            Self::NoColon => "no_colon",
            Self::Wrong => "wrong_password",
            Self::Busy => "busy",
        }
    }

    fn refusal(self) -> Refusal {
        let refusal = match self {
            Self::Busy => Refusal::from_problem(
                Problem::new(StatusCode::SERVICE_UNAVAILABLE)
                    .header(RETRY_AFTER, HeaderValue::from_static("1"))
                    .expected()
                    .because(self),
            ),
            Self::Several => Refusal::malformed(self),
            // A client that encodes differently can be asked again (RFC 7617, section 2).
            reason => Refusal::new(reason),
        };
        let refusal = refusal.scheme("Basic").reason(self.code());
        refusal.detail(match self {
            Self::Several => "The request contains more than one Authorization field.",
            Self::TooLong => "The user name and the password are too long.",
            Self::Wrong => "The user name or the password is wrong.",
            Self::Busy => "Too many passwords are being checked. Try again later.",
            _ => "The credentials are malformed.",
        })
    }
}

impl fmt::Display for BasicRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Several => "several `Authorization` fields",
            Self::TooLong => "the credentials are too long",
            Self::Base64 => "the credentials are not base64",
            Self::Encoding => "the credentials are not UTF-8",
            Self::ControlCharacter => "the credentials contain a control character",
            Self::NoColon => "the credentials contain no colon",
            Self::Wrong => "wrong user name or password",
            Self::Busy => "too many passwords are being checked",
        })
    }
}

impl Error for BasicRefusal {}

const ALL: [BasicRefusal; 8] = [
    BasicRefusal::Several,
    BasicRefusal::TooLong,
    BasicRefusal::Base64,
    BasicRefusal::Encoding,
    BasicRefusal::ControlCharacter,
    BasicRefusal::NoColon,
    BasicRefusal::Wrong,
    BasicRefusal::Busy,
];

/// The refusals, built once. A clone is cheap.
#[derive(Clone)]
pub(super) struct Refusals(Arc<[(BasicRefusal, Refusal)]>);

impl Refusals {
    pub(super) fn new() -> Self {
        Self(ALL.map(|reason| (reason, reason.refusal())).into())
    }

    pub(super) fn of(&self, reason: BasicRefusal) -> Refusal {
        let built = self.0.iter().find(|(built, _)| *built == reason);
        built.map_or_else(|| reason.refusal(), |(_, refusal)| refusal.clone())
    }
}
