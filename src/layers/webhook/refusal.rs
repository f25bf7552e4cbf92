//! Why a request is not an event of the sender, and what the client is told.

use std::time::Duration;

use http::{HeaderName, StatusCode};

use crate::wire::Problem;

/// Why the signature of a request is not valid.
///
/// The client learns which of three things is wrong (a field, the time, the signature): enough for the
/// operator of a sender, but nothing that helps to forge a signature.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    Missing(HeaderName),
    /// It is repeated, or can't be parsed.
    Malformed(HeaderName),
    /// The timestamp is older than the tolerance.
    TooOld(Duration),
    /// The timestamp is further ahead than the tolerance.
    InFuture(Duration),
    /// No signature was made with one of the secrets.
    Mismatch,
}

impl Refusal {
    /// The reasons in the log.
    pub(super) const REASONS: [&'static str; 5] = [
        "missing_field",
        "malformed_field",
        "too_old",
        "in_future",
        "signature",
    ];

    pub(super) const fn reason(&self) -> &'static str {
        let [missing, malformed, too_old, in_future, signature] = Self::REASONS;
        match self {
            Self::Missing(_) => missing,
            Self::Malformed(_) => malformed,
            Self::TooOld(_) => too_old,
            Self::InFuture(_) => in_future,
            Self::Mismatch => signature,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = match &refusal {
            Refusal::Missing(field) => format!("The header field `{field}` is missing."),
            Refusal::Malformed(field) => {
                format!("The header field `{field}` is malformed, or occurs more than once.")
            }
            Refusal::TooOld(tolerance) | Refusal::InFuture(tolerance) => format!(
                "The timestamp differs from the time of the server by more than {} seconds.",
                tolerance.as_secs()
            ),
            Refusal::Mismatch => "The signature is not valid for this body.".to_owned(),
        };
        Self::new(StatusCode::BAD_REQUEST)
            .reason(refusal.reason())
            .detail(detail)
    }
}
