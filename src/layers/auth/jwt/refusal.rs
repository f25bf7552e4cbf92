//! Says why a token was refused, to the log and, in fewer words, to the client.

use std::{error::Error, fmt};

use http::HeaderValue;

use crate::{
    layers::auth::Refusal,
    wire::{ConfigError, field::Challenge},
};

/// Why a token was refused: the [`cause`](crate::Problem::cause) of the answer's `Problem`.
///
/// It is for the log. The client learns whether its token expired, and otherwise no more than that
/// it is invalid.
///
/// # Example
///
/// ```
/// use wythe::{JwtRefusal, Problem};
///
/// /// Whether a new sign-in would help: worth counting apart.
/// fn has_expired(problem: &Problem) -> bool {
///     let cause = problem.cause().and_then(|cause| cause.downcast_ref());
///     matches!(cause, Some(JwtRefusal::Expired))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwtRefusal {
    /// `Authorization: Bearer` without a token, or with more than one.
    Header,
    /// Several tokens in one request.
    SeveralTokens,
    /// Longer than the limit.
    TooLong,
    /// Not three parts of base64url, or not JSON objects in them.
    Malformed,
    /// The header has a `crit`.
    CriticalHeader,
    /// The header's `typ` is not one that is asked for, or that of no access token.
    Type,
    /// No key for the header's `alg` and `kid`.
    Key,
    /// Not signed with the key.
    Signature,
    /// `exp` has passed.
    Expired,
    /// `iat` is longer ago than the token may be old.
    TooOld,
    /// `nbf` has not come, or where the age is checked, `iat`.
    NotYetValid,
    /// No `exp`.
    MissingExpiry,
    /// A claim that must be there, of this name, is not, or is `null`.
    MissingClaim(String),
    /// Another `iss`, or none.
    Issuer,
    /// Another `aud`, or none.
    Audience,
    /// The claims are not those that the handler asks for. With `serde`'s message, unless that
    /// would quote a claim.
    Claims(String),
    /// A check of yours said no, with these words.
    Check(String),
}

/// All reasons whose words never vary.
const CONSTANT: [JwtRefusal; 14] = [
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
    JwtRefusal::Issuer,
    JwtRefusal::Audience,
];

impl JwtRefusal {
    /// The reason for claims that `serde` can't make the handler's type of.
    pub(super) fn claims(error: &serde_json::Error) -> Self {
        let message = error.to_string();
        // Those of serde's messages that name a field; others quote values.
        let names_a_field = ["missing field", "duplicate field"];
        if names_a_field.iter().any(|start| message.starts_with(start)) {
            return Self::Claims(message);
        }
        let (line, column) = (error.line(), error.column());
        Self::Claims(format!("line {line} column {column}"))
    }

    /// The same in one word, as the log has it.
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
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Claims(_) => "claims",
        }
    }

    /// What the client is told. Only `%x20-21 / %x23-5B / %x5D-7E` (RFC 6750, section 3).
    const fn description(&self) -> &'static str {
        match self {
            Self::Header => "The Authorization field must hold one bearer token",
            Self::SeveralTokens => "The request holds more than one access token",
            Self::TooLong => "The access token is too long",
            // Either way, a new one helps.
            Self::Expired | Self::TooOld => "The access token expired",
            Self::NotYetValid => "The access token is not valid yet",
            _ => "The access token is invalid",
        }
    }

    /// The answer, with a challenge by the rules of RFC 6750, section 3.1.
    fn refusal(self, realm: &str) -> Result<Refusal, ConfigError> {
        let (description, reason) = (self.description(), self.code());
        let (code, refusal) = match self {
            Self::Header | Self::SeveralTokens => ("invalid_request", Refusal::malformed(self)),
            reason => ("invalid_token", Refusal::new(reason)),
        };
        let challenge = challenge(realm)?
            .parameter("error", code)?
            .parameter("error_description", description)?;
        let refusal = refusal.scheme("Bearer").reason(reason);
        Ok(refusal.challenge(challenge.into()).detail(description))
    }
}

/// `Bearer realm=".."`: all that a request without credentials is told.
fn challenge(realm: &str) -> Result<Challenge, ConfigError> {
    Challenge::new("Bearer")?.parameter("realm", realm)
}

/// The answers of one realm, built once.
#[derive(Clone, Debug)]
pub(super) struct Refusals {
    realm: String,
    challenge: HeaderValue,
    constant: Vec<(JwtRefusal, Refusal)>,
}

impl Refusals {
    pub(super) fn of_realm(realm: String) -> Result<Self, ConfigError> {
        let constant = CONSTANT
            .into_iter()
            .map(|reason| Ok((reason.clone(), reason.refusal(&realm)?)))
            .collect::<Result<_, ConfigError>>()?;
        Ok(Self {
            challenge: challenge(&realm)?.into(),
            realm,
            constant,
        })
    }

    pub(super) const fn challenge(&self) -> &HeaderValue {
        &self.challenge
    }

    /// The answer for this reason.
    pub(super) fn of(&self, reason: JwtRefusal) -> Refusal {
        let built = self.constant.iter().find(|(built, _)| *built == reason);
        if let Some((_, refusal)) = built {
            return refusal.clone();
        }
        // A realm that was written before can be written again.
        let cause = reason.clone();
        reason
            .refusal(&self.realm)
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
            Self::CriticalHeader => "the token has a critical header",
            Self::Type => "wrong type of token",
            Self::Key => "no key for the token's algorithm and key id",
            Self::Signature => "wrong signature",
            Self::Expired => "the token expired",
            Self::TooOld => "the token is too old",
            Self::NotYetValid => "the token is not valid yet",
            Self::MissingExpiry => "the token has no expiry",
            Self::Issuer => "wrong issuer",
            Self::Audience => "wrong audience",
            Self::MissingClaim(name) => return write!(f, "the token lacks the claim `{name}`"),
            Self::Check(message) => return write!(f, "a check said no: {message}"),
            Self::Claims(message) => return write!(f, "wrong claims: {message}"),
        })
    }
}

impl Error for JwtRefusal {}

#[cfg(test)]
mod tests {
    use super::{CONSTANT, JwtRefusal};

    #[test]
    fn descriptions_keep_to_the_characters_of_rfc_6750() {
        let others = [
            JwtRefusal::Claims(String::new()),
            JwtRefusal::MissingClaim(String::new()),
            JwtRefusal::Check(String::new()),
        ];
        for reason in CONSTANT.into_iter().chain(others) {
            let allowed = |byte| matches!(byte, b' '..=b'!' | b'#'..=b'[' | b']'..=b'~');
            assert!(reason.description().bytes().all(allowed), "{reason:?}");
        }
    }
}
