//! Why a key is refused, for the log and, in less detail, for the client.

use std::{error::Error, fmt};

use http::HeaderValue;

use crate::layers::auth::Refusal;

/// Why an API key was refused: the [`cause`](crate::Problem::cause) of the answer's `Problem`.
///
/// The client learns only that a key is mistyped or malformed, or else that it is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiKeyRefusal {
    /// Several keys in one request.
    SeveralKeys,
    /// Empty, or with characters that no key contains.
    Unreadable,
    /// Longer than the limit.
    TooLong,
    /// Not in the format of this server's keys.
    Format,
    /// In that format, but with a wrong checksum.
    Checksum,
    /// No such key.
    Unknown,
    /// The id exists, but has another secret.
    Secret,
}

const ALL: [ApiKeyRefusal; 7] = [
    ApiKeyRefusal::SeveralKeys,
    ApiKeyRefusal::Unreadable,
    ApiKeyRefusal::TooLong,
    ApiKeyRefusal::Format,
    ApiKeyRefusal::Checksum,
    ApiKeyRefusal::Unknown,
    ApiKeyRefusal::Secret,
];

impl ApiKeyRefusal {
    /// The codes of a 401.
    pub(super) const INVALID: [&str; 5] = [
        Self::TooLong.code(),
        Self::Format.code(),
        Self::Checksum.code(),
        Self::Unknown.code(),
        Self::Secret.code(),
    ];

    /// The reason as a stable code, for the log.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::SeveralKeys => "several_keys",
            Self::Unreadable => "malformed_credentials",
            Self::TooLong => "too_long",
            Self::Format => "format",
            Self::Checksum => "checksum",
            Self::Unknown => "unknown_key",
            Self::Secret => "wrong_secret",
        }
    }

    /// The text for the client. Only `%x20-21 / %x23-5B / %x5D-7E` are allowed (RFC 6750, section 3).
    const fn description(self) -> &'static str {
        match self {
            Self::SeveralKeys => "The request contains more than one API key",
            Self::Unreadable => "The API key is malformed",
            Self::TooLong => "The API key is too long",
            Self::Checksum => "The API key is mistyped or incomplete: its checksum is wrong",
            Self::Format | Self::Unknown | Self::Secret => "The API key is invalid.",
        }
    }

    /// A 400 for keys that cannot be parsed, and a 401 otherwise.
    fn refusal(self) -> Refusal {
        let refusal = if self.is_malformed() {
            Refusal::malformed(self)
        } else {
            Refusal::new(self)
        };
        let refusal = refusal.scheme("ApiKey").reason(self.code());
        refusal.detail(self.description())
    }

    const fn is_malformed(self) -> bool {
        matches!(self, Self::SeveralKeys | Self::Unreadable)
    }
}

impl fmt::Display for ApiKeyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SeveralKeys => "several API keys in one request",
            Self::Unreadable => "a malformed API key",
            Self::TooLong => "the API key is too long",
            Self::Format => "the API key does not have the format of this server's keys",
            Self::Checksum => "the API key has a wrong checksum",
            Self::Unknown => "unknown API key",
            Self::Secret => "the id of the API key exists, but the secret is wrong",
        })
    }
}

impl Error for ApiKeyRefusal {}

/// The refusals of keys in one place of a request, built once.
#[derive(Clone)]
pub(super) struct Refusals {
    challenge: HeaderValue,
    all: Vec<(ApiKeyRefusal, Refusal)>,
}

impl Refusals {
    /// For keys in their own field.
    pub(super) fn in_field(challenge: HeaderValue) -> Self {
        let all = ALL.map(|reason| (reason, reason.refusal())).into();
        Self { challenge, all }
    }

    /// For keys that come as bearer tokens (RFC 6750, section 3.1).
    pub(super) fn as_bearer(challenge: HeaderValue) -> Self {
        let all = ALL.map(|reason| {
            let challenge = with_error(&challenge, reason);
            (reason, reason.refusal().challenge(challenge))
        });
        Self {
            challenge,
            all: all.into(),
        }
    }

    /// The same refusals, with the challenge for the other place after their own.
    pub(super) fn with_challenge_of(&self, other: &Self) -> Self {
        let beside = |(reason, refusal): &(ApiKeyRefusal, Refusal)| {
            let refusal = refusal
                .clone()
                .with_challenges(&self.challenge, &other.challenge);
            (*reason, refusal)
        };
        Self {
            challenge: self.challenge.clone(),
            all: self.all.iter().map(beside).collect(),
        }
    }

    pub(super) const fn challenge(&self) -> &HeaderValue {
        &self.challenge
    }

    pub(super) fn of(&self, reason: ApiKeyRefusal) -> Refusal {
        let built = self.all.iter().find(|(built, _)| *built == reason);
        built.map_or_else(|| reason.refusal(), |(_, refusal)| refusal.clone())
    }
}

/// The `Bearer` challenge, with the error.
fn with_error(challenge: &HeaderValue, reason: ApiKeyRefusal) -> HeaderValue {
    let code = if reason.is_malformed() {
        "invalid_request"
    } else {
        "invalid_token"
    };
    let description = reason.description();
    let error = format!(r#", error="{code}", error_description="{description}""#);
    // No character of it has to be escaped.
    let written = [challenge.as_bytes(), error.as_bytes()].concat();
    HeaderValue::from_bytes(&written).unwrap_or_else(|_| challenge.clone())
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn descriptions_use_only_the_characters_of_rfc_6750() {
        for reason in ALL {
            let allowed = |byte| matches!(byte, b' '..=b'!' | b'#'..=b'[' | b']'..=b'~');
            assert!(reason.description().bytes().all(allowed), "{reason:?}");
        }
    }
}
