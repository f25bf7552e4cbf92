//! Says why a user and a password were refused, to the log and, in fewer words, to the client.

use std::{error::Error, fmt};

use http::{HeaderValue, StatusCode, header::RETRY_AFTER};

use crate::{layers::auth::Refusal, wire::Problem};

/// Why a user and a password were refused: the [`cause`](crate::Problem::cause) of the answer's
/// `Problem`.
///
/// It is for the log. Whether there is such a user is not said, to nobody.
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
    /// No such user, or another password.
    Wrong,
    /// Too many passwords are being checked.
    Busy,
}

impl BasicRefusal {
    /// The same in one word, as the log has it.
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

    /// The answer, built once for each.
    fn refusal(self) -> Refusal {
        let refusal = match self {
            Self::Wrong | Self::TooLong => Refusal::new(self),
            Self::Busy => Refusal::from_problem(
                Problem::new(StatusCode::SERVICE_UNAVAILABLE)
                    .header(RETRY_AFTER, HeaderValue::from_static("1"))
                    .expected()
                    .because(self),
            ),
            reason => Refusal::malformed(reason),
        };
        let refusal = refusal.scheme("Basic").reason(self.code());
        refusal.detail(match self {
            Self::Several => "The request holds more than one Authorization field.",
            Self::TooLong => "The user and the password are too long.",
            Self::Wrong => "The user or the password is wrong.",
            Self::Busy => "Too many passwords are being checked.",
            _ => "The user and the password can't be read.",
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
            Self::ControlCharacter => "a control character in the credentials",
            Self::NoColon => "no colon in the credentials",
            Self::Wrong => "wrong user or password",
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

/// The answers, built once.
#[derive(Clone)]
pub(super) struct Refusals(Vec<(BasicRefusal, Refusal)>);

impl Refusals {
    pub(super) fn new() -> Self {
        Self(ALL.map(|reason| (reason, reason.refusal())).into())
    }

    pub(super) fn of(&self, reason: BasicRefusal) -> Refusal {
        let built = self.0.iter().find(|(built, _)| *built == reason);
        built.map_or_else(|| reason.refusal(), |(_, refusal)| refusal.clone())
    }
}
