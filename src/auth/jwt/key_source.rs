//! Says where an issuer's keys come from.

use std::{error::Error, future::Future, pin::Pin, sync::Arc};

use super::{header::Header, key_set::KeySet, refusal::JwtRefusal, token::Token};

/// Where keys come from.
#[derive(Clone, Debug)]
pub(super) enum KeySource {
    /// Known when the scheme was built.
    Fixed(Arc<KeySet>),
}

/// Why a token has not been verified.
pub(super) enum Stop {
    /// It is refused.
    Refused(JwtRefusal),
    /// Keys have to be fetched first; then it may be verified.
    #[expect(dead_code, reason = "until keys are fetched")]
    Fetch(Fetch),
}

/// Fetches keys. If none can be had, it says nothing of the token.
pub(super) type Fetch =
    Pin<Box<dyn Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send>>;

impl KeySource {
    /// Whether the token is signed with the key that its header means. After a fetch, what is not
    /// there now is not there.
    pub(super) fn check(
        &self,
        token: &Token<'_>,
        header: &Header<'_>,
        fetched: bool,
    ) -> Result<(), Stop> {
        let _ = fetched;
        match self {
            Self::Fixed(keys) => keys.check(token, header).map_err(Stop::Refused),
        }
    }
}

impl From<JwtRefusal> for Stop {
    fn from(reason: JwtRefusal) -> Self {
        Self::Refused(reason)
    }
}
