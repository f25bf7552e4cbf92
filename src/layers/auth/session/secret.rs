//! What the cookie of a stored session holds: 256 random bits, and nothing else.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    store::SessionId,
    text::{decode, encode},
};
use crate::wire::Problem;

pub(super) struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    pub(super) fn generate() -> Result<Self, Problem> {
        Ok(Self(random()?))
    }

    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        decode(value).map(Self)
    }

    pub(super) fn write(&self) -> String {
        encode(&self.0)
    }

    /// Under what the store has the session. Nobody finds the secret of an id.
    pub(super) fn id(&self) -> SessionId {
        SessionId::from_bytes(Sha256::digest(self.0.as_slice()).into())
    }
}

/// Bytes that nobody can guess. Without them nobody is signed in.
pub(super) fn random() -> Result<Zeroizing<[u8; 32]>, Problem> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut()).map_err(Problem::internal)?;
    Ok(bytes)
}
