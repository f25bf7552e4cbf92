//! The keys of encrypted sessions: [`SessionKey`].

use std::{fmt, hint::black_box};

use cookie::Key;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::wire::ConfigError;

/// Parts the keys of this crate's sessions from whatever else is derived from the same secret.
const PURPOSE: &[u8] = b"wythe session cookie 1\0";

/// A key that encrypts sessions: see [`Sessions::encrypted`](super::Sessions::encrypted).
///
/// # Example
///
/// ```
/// use wythe::SessionKey;
///
/// let key = SessionKey::new(b"thirty-two bytes of a secret, or more")?;
/// assert_eq!(format!("{key:?}"), "SessionKey(..)");
/// assert!(SessionKey::new("short").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Security
///
/// Whoever has it can sign in as anybody: 32 random bytes or more, from `openssl rand -hex 32` for
/// example, and out of the repository. It is overwritten when dropped; the cipher makes copies on
/// the stack, which are not.
#[must_use]
pub struct SessionKey(Box<Key>);

impl SessionKey {
    /// A key from 32 bytes or more that nobody can guess. All of them count.
    ///
    /// # Errors
    ///
    /// If they are fewer, or one byte repeated.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        if secret.len() < 32 {
            let message = format!("a key has 32 bytes or more, not {}", secret.len());
            return Err(ConfigError::new("SessionKey", message));
        }
        if secret.iter().all(|byte| secret.first() == Some(byte)) {
            let message = "the key is one byte repeated";
            return Err(ConfigError::new("SessionKey", message));
        }
        // Of a longer secret the cipher would use 32 bytes from the middle.
        let mut hash = Sha512::new_with_prefix(PURPOSE);
        hash.update(secret);
        let bytes = Zeroizing::new(<[u8; 64]>::from(hash.finalize()));
        let key = Key::try_from(bytes.as_slice()).map_err(|source| {
            ConfigError::new("SessionKey", "the key can't be used").because(source)
        })?;
        Ok(Self(Box::new(key)))
    }

    pub(super) const fn cipher(&self) -> &Key {
        &self.0
    }
}

impl Drop for SessionKey {
    fn drop(&mut self) {
        if let Ok(zero) = Key::try_from([0; 64].as_slice()) {
            *self.0 = zero;
            // Keeps the compiler from leaving it out.
            black_box(&self.0);
        }
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}
