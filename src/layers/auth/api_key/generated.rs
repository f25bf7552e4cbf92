//! A new key, with what is stored of it.

use std::fmt;

use super::hash::ApiKeyHash;
use crate::wire::Secret;

/// A new key: what to store of it, and the key itself, to show once. Made by
/// [`ApiKeyFormat::generate`](super::ApiKeyFormat::generate).
///
/// Nobody can show it again: the server keeps the hash alone. The key is wiped when this is
/// dropped, and `Debug` does not show it.
#[must_use]
pub struct GeneratedKey {
    id: String,
    hash: ApiKeyHash,
    secret: Secret,
}

impl GeneratedKey {
    pub(super) const fn new(id: String, hash: ApiKeyHash, secret: Secret) -> Self {
        Self { id, hash, secret }
    }

    /// The public part, by which the key is found.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The hash of the whole key, to store.
    pub const fn hash(&self) -> ApiKeyHash {
        self.hash
    }

    /// The whole key, as the client sends it.
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }
}

impl fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeneratedKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
