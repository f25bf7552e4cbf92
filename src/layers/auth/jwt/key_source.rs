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
    /// The number of the keys as they are now; none, while there are none to verify with. It is
    /// another one once a key was replaced or taken away: what was verified before is not taken as
    /// verified any more. It changes together with the keys or after them, never before, and it is
    /// asked for by every request, also where [`check`](Self::check) is not.
    #[cfg_attr(
        not(feature = "jwks"),
        expect(clippy::missing_const_for_fn, reason = "`jwks` loads a snapshot")
    )]
    pub(super) fn generation(&self) -> Option<u64> {
        match self {
            Self::Fixed(_) => Some(0),
            #[cfg(feature = "jwks")]
            Self::Jwks(keys) => keys.generation(),
        }
    }

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
