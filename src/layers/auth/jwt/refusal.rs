//! The reason why a token was refused, for the log and, in less detail, for the client.

use std::{error::Error, fmt, future::Future, pin::Pin};

use http::HeaderValue;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::{
    layers::auth::Refusal,
    wire::{
        BoxError, ConfigError,
        field::{Challenge, Excerpt},
    },
};

/// The scheme of RFC 6750.
pub(super) const BEARER: &str = "Bearer";

/// Why a token was refused: the [`cause`](crate::Problem::cause) of the response's `Problem`.
///
/// It is for the log. The client learns little more than whether its token has expired.
///
/// # Example
///
/// ```
/// use wythe::{auth::JwtRefusal, Problem};
///
/// /// Whether the client only needs a new token.
/// fn has_expired(problem: &Problem) -> bool {
///     let cause = problem.cause().and_then(|cause| cause.downcast_ref());
///     matches!(cause, Some(JwtRefusal::Expired))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwtRefusal {
    /// `Authorization: Bearer`, or [another scheme](crate::Jwt::scheme), is not followed by exactly one
    /// token.
    Header,
    /// The request has several tokens.
    SeveralTokens,
    /// The token is longer than [`Jwt::max_length`](crate::Jwt::max_length).
    TooLong,
    /// The token is not three base64url parts, or its header or claims are not a JSON object.
    Malformed,
    /// The header has `crit`, but no extensions are supported.
    CriticalHeader,
    /// The header's `typ` is not accepted.
    Type,
    /// No key matches the header's `alg` and `kid`.
    Key,
    /// The signature does not match the key.
    Signature,
    /// `exp` has passed.
    Expired,
    /// `iat` is further in the past than [`Jwt::max_age`](crate::Jwt::max_age) allows.
    TooOld,
    /// `nbf` is in the future, or `iat` if the age is checked.
    NotYetValid,
    /// The token has no `exp`.
    MissingExpiry,
    /// The required claim of this name is missing or `null`.
    MissingClaim(String),
    /// `iss` is missing or not accepted. Contains the expected and found names.
    Issuer(String),
    /// `aud` is missing or not accepted. Contains the expected and found names.
    Audience(String),
    /// The claims can't be deserialized. Contains the name of a claim and what is expected there, but
    /// not its value.
    Claims(String),
    /// A [`check`](crate::Jwt::check) failed, with this message.
    Check(String),
}

/// All reasons without data, whose responses are always the same.
const CONSTANT: [JwtRefusal; 12] = [
    JwtRefusal::Header,
    JwtRefusal::SeveralTokens,
    JwtRefusal::TooLong,
    JwtRefusal::Malformed,
    JwtRefusal::CriticalHeader,
    JwtRefusal::Type,
    JwtRefusal::Key,
    JwtRefusal::Signature,
    JwtRefusal::Expired,
    JwtRefusal::TooOld,
    JwtRefusal::NotYetValid,
    JwtRefusal::MissingExpiry,
];

impl JwtRefusal {
    /// The codes of a 401.
    pub(super) const INVALID: [&str; 15] = [
        "too_long",
        "malformed",
        "critical_header",
        "type",
        "unknown_key",
        "signature",
        "expired",
        "not_yet_valid",
        "too_old",
        "no_expiry",
        "missing_claim",
        "check",
        "issuer",
        "audience",
        "claims",
    ];

    /// The reason for a token with this `iss`, and the expected names.
    pub(super) fn issuer<'a>(
        expected: impl ExactSizeIterator<Item = &'a str>,
        found: Option<&'a str>,
    ) -> Self {
        Self::Issuer(mismatch(expected, found.into_iter()))
    }

    /// The reason for a token with these audiences, and the expected names.
    pub(super) fn audience<'a>(
        expected: impl ExactSizeIterator<Item = &'a str>,
        found: impl ExactSizeIterator<Item = &'a str>,
    ) -> Self {
        Self::Audience(mismatch(expected, found))
    }

    /// The reason for claims that can't be deserialized as `C`.
    pub(super) fn claims<C: DeserializeOwned>(json: &str, error: &serde_json::Error) -> Self {
        let message = error.to_string();
        // The messages of serde that name a field; others quote values.
        let names_a_field = ["missing field", "duplicate field"];
        if names_a_field.iter().any(|start| message.starts_with(start)) {
            return Self::Claims(message);
        }
        let position = format!("line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(&position).unwrap_or_default();
        let message = message.strip_suffix(" at ").unwrap_or_default();
        // What these messages expect comes from the type. Other messages may come from the
        // application.
        let says_what = ["invalid type: ", "invalid value: ", "invalid length "];
        let expected = says_what.iter().any(|start| message.starts_with(start));
        let expected = message.rsplit_once(", expected ").filter(|_| expected);
        let expected = expected.map_or_else(String::new, |(_, expected)| {
            format!("expected {} at ", Excerpt(expected.as_bytes()))
        });

        let mut deserializer = serde_json::Deserializer::from_str(json);
        let found = serde_path_to_error::deserialize::<_, C>(&mut deserializer).err();
        let claim = found.and_then(|found| {
            let mut path = found.path().iter();
            let Some(Segment::Map { key }) = path.next() else {
                return None;
            };
            let within = if path.next().is_some() { "in " } else { "" };
            Some(format!("{within}`{}`: ", Excerpt(key.as_bytes())))
        });
        let claim = claim.unwrap_or_default();
        Self::Claims(format!("{claim}{expected}{position}"))
    }

    /// The reason in one word, for the log.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Header => "malformed_credentials",
            Self::SeveralTokens => "several_tokens",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::CriticalHeader => "critical_header",
            Self::Type => "type",
            Self::Key => "unknown_key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::TooOld => "too_old",
            Self::MissingExpiry => "no_expiry",
            Self::MissingClaim(_) => "missing_claim",
            Self::Check(_) => "check",
            Self::Issuer(_) => "issuer",
            Self::Audience(_) => "audience",
            Self::Claims(_) => "claims",
        }
    }

    /// The description for the client. Only `%x20-21 / %x23-5B / %x5D-7E` are allowed (RFC 6750,
    /// section 3).
    const fn description(&self) -> &'static str {
        match self {
            Self::Header => "The Authorization header must contain one bearer token",
            Self::SeveralTokens => "The request contains more than one access token",
            Self::TooLong => "The access token is too long",
            // In both cases a new token helps.
            Self::Expired | Self::TooOld => "The access token expired",
            Self::NotYetValid => "The access token is not valid yet",
            _ => "The access token is invalid",
        }
    }

    /// The response, with a challenge (RFC 6750, section 3.1).
    fn refusal(self, scheme: &'static str, realm: &str) -> Result<Refusal, ConfigError> {
        let (description, reason) = match self {
            Self::Header if scheme != BEARER => (
                "The Authorization header must contain one token",
                self.code(),
            ),
            _ => (self.description(), self.code()),
        };
        let (code, refusal) = match self {
            Self::Header | Self::SeveralTokens => ("invalid_request", Refusal::malformed(self)),
            reason => ("invalid_token", Refusal::new(reason)),
        };
        let challenge = challenge(scheme, realm)?
            .parameter("error", code)?
            .parameter("error_description", description)?;
        let refusal = refusal.scheme(scheme).reason(reason);
        Ok(refusal.challenge(challenge.into()).detail(description))
    }
}

/// The expected names and those of the token: escaped, and at most a few of each.
fn mismatch<'a>(
    expected: impl ExactSizeIterator<Item = &'a str>,
    found: impl ExactSizeIterator<Item = &'a str>,
) -> String {
    format!("expected {}, found {}", listed(expected), listed(found))
}

fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const MAX_LISTED: usize = 4;

    if names.len() == 0 {
        return "none".to_owned();
    }
    let more = names.len().saturating_sub(MAX_LISTED);
    let names = names.take(MAX_LISTED);
    let names: Vec<_> = names
        .map(|name| format!("`{}`", Excerpt(name.as_bytes())))
        .collect();
    let names = names.join(", ");
    if more == 0 {
        return names;
    }
    format!("{names}, and {more} more")
}

/// `Bearer realm=".."`: the challenge of a request without credentials.
fn challenge(scheme: &str, realm: &str) -> Result<Challenge, ConfigError> {
    Challenge::new(scheme)?.parameter("realm", realm)
}

/// The refusals of one scheme and realm, built once.
#[derive(Clone, Debug)]
pub(super) struct PreparedRefusals {
    scheme: &'static str,
    pub(super) realm: String,
    challenge: HeaderValue,
    constant: Vec<(JwtRefusal, Refusal)>,
}

impl PreparedRefusals {
    pub(super) fn new(scheme: &'static str, realm: String) -> Result<Self, ConfigError> {
        let constant = CONSTANT
            .into_iter()
            .map(|reason| Ok((reason.clone(), reason.refusal(scheme, &realm)?)))
            .collect::<Result<_, ConfigError>>()?;
        Ok(Self {
            challenge: challenge(scheme, &realm)?.into(),
            scheme,
            realm,
            constant,
        })
    }

    pub(super) const fn challenge(&self) -> &HeaderValue {
        &self.challenge
    }

    /// The refusal for this reason.
    pub(super) fn of(&self, reason: JwtRefusal) -> Refusal {
        let built = self.constant.iter().find(|(built, _)| *built == reason);
        if let Some((_, refusal)) = built {
            return refusal.clone();
        }
        // This does not fail: the same scheme and realm have been written before.
        let cause = reason.clone();
        reason
            .refusal(self.scheme, &self.realm)
            .unwrap_or_else(|_| Refusal::new(cause))
    }
}

impl fmt::Display for JwtRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "malformed bearer credentials",
            Self::SeveralTokens => "several tokens in one request",
            Self::TooLong => "the token is too long",
            Self::Malformed => "malformed token",
            Self::CriticalHeader => "unsupported critical header",
            Self::Type => "wrong token type",
            Self::Key => "no key for the token's `alg` and `kid`",
            Self::Signature => "wrong signature",
            Self::Expired => "the token has expired",
            Self::TooOld => "the token is too old",
            Self::NotYetValid => "the token is not valid yet",
            Self::MissingExpiry => "the token has no `exp`",
            Self::Issuer(names) => return write!(f, "wrong issuer: {names}"),
            Self::Audience(names) => return write!(f, "wrong audience: {names}"),
            Self::MissingClaim(name) => return write!(f, "the token lacks the claim `{name}`"),
            Self::Check(message) => return write!(f, "a check failed: {message}"),
            Self::Claims(message) => {
                return write!(f, "the claims can't be deserialized: {message}");
            }
        })
    }
}

impl Error for JwtRefusal {}

/// Why a token has not been verified.
pub(super) enum NotVerified {
    Refused(JwtRefusal),
    /// Keys have to be fetched first.
    #[cfg_attr(
        not(feature = "jwks"),
        expect(dead_code, reason = "only `jwks` fetches keys")
    )]
    NeedsKeys(KeyFetch),
}

/// Waits for keys; fails if they can't be fetched.
pub(super) type KeyFetch = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

impl From<JwtRefusal> for NotVerified {
    fn from(reason: JwtRefusal) -> Self {
        Self::Refused(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::{CONSTANT, JwtRefusal};

    fn all() -> impl Iterator<Item = JwtRefusal> {
        let others = [
            JwtRefusal::Issuer(String::new()),
            JwtRefusal::Audience(String::new()),
            JwtRefusal::Claims(String::new()),
            JwtRefusal::MissingClaim(String::new()),
            JwtRefusal::Check(String::new()),
        ];
        CONSTANT.into_iter().chain(others)
    }

    #[test]
    fn the_description_lists_the_code_of_every_401() {
        let malformed = [JwtRefusal::Header, JwtRefusal::SeveralTokens];
        for reason in all() {
            let is_listed = JwtRefusal::INVALID.contains(&reason.code());
            assert_eq!(is_listed, !malformed.contains(&reason), "{reason:?}");
        }
    }

    #[test]
    fn descriptions_use_only_the_characters_of_rfc_6750() {
        for reason in all() {
            let allowed = |byte| matches!(byte, b' '..=b'!' | b'#'..=b'[' | b']'..=b'~');
            assert!(reason.description().bytes().all(allowed), "{reason:?}");
        }
    }
}
