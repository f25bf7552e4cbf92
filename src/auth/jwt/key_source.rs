//! Says where an issuer's keys come from.

use std::{error::Error, future::Future, pin::Pin, sync::Arc};

#[cfg(feature = "jwks")]
use super::jwks::Jwks;
use super::{header::Header, key_set::KeySet, refusal::JwtRefusal, token::Token};

/// Where keys come from.
#[derive(Clone, Debug)]
pub(super) enum KeySource {
    /// Known when the scheme was built.
    Fixed(Arc<KeySet>),
    /// Fetched from an identity provider.
    #[cfg(feature = "jwks")]
    Jwks(Jwks),
}

/// Why a token has not been verified.
pub(super) enum Stop {
    /// It is refused.
    Refused(JwtRefusal),
    /// Keys have to be fetched first; then it may be verified.
    #[cfg_attr(
        not(feature = "jwks"),
        expect(dead_code, reason = "keys are fetched by `jwks` alone")
    )]
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
        #[cfg(not(feature = "jwks"))]
        let _ = fetched;
        match self {
            Self::Fixed(keys) => keys.check(token, header).map_err(Stop::Refused),
            #[cfg(feature = "jwks")]
            Self::Jwks(keys) => keys.check(token, header, fetched),
        }
    }
}

impl KeySource {
    /// Whether keys are fetched, which may fail.
    pub(super) const fn is_fetched(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            #[cfg(feature = "jwks")]
            Self::Jwks(_) => true,
        }
    }
}

impl From<JwtRefusal> for Stop {
    fn from(reason: JwtRefusal) -> Self {
        Self::Refused(reason)
    }
}
