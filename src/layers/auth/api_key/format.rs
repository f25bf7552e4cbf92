//! The form of the keys that a server hands out.

use std::{io, mem};

use zeroize::Zeroizing;

use super::{
    base62::{self, CHECKSUM},
    generated::GeneratedKey,
    hash::ApiKeyHash,
    refusal::ApiKeyRefusal,
};
use crate::wire::{ConfigError, Secret};

/// The characters of an id: 71 bits, enough for a database to find no two alike.
const ID: usize = 12;
/// The characters of the secret part: 190 bits.
const SECRET: usize = 32;

/// The form of the keys that you hand out: `wy_live_4mTOcQxLr9Bz_` and 38 characters more.
///
/// 1. The prefix is yours: it says whose key it is and for what, to people and to the scanners that
///    look for leaked keys. Theirs is the pattern `wy_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}`.
/// 2. An id of 12 random characters. It is no secret: store it, index it, show it in a list of
///    keys, write it to logs.
/// 3. A secret of 32 random characters, which is 190 bits.
/// 4. The CRC-32 of all this in 6 characters. A mistyped or truncated key is refused without a
///    question to the store. It keeps no attacker out, who can compute it as well.
///
/// # Example
///
/// ```
/// use wythe::ApiKeyFormat;
///
/// let format = ApiKeyFormat::new("wy_live")?;
/// let key = format.generate()?;
/// // Store these, and show this, once.
/// let (id, hash, secret) = (key.id(), key.hash(), key.secret());
/// assert_eq!(secret.expose().len(), "wy_live_".len() + 12 + 1 + 38);
/// assert_eq!(format.id(secret.expose())?, id);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ApiKeyFormat {
    prefix: String,
}

impl ApiKeyFormat {
    /// Keys that begin with this prefix and `_`.
    ///
    /// # Errors
    ///
    /// If the prefix has more than 32 characters, others than ASCII letters, digits and `_`, does
    /// not begin with a letter, or ends with `_`.
    pub fn new(prefix: impl Into<String>) -> Result<Self, ConfigError> {
        let prefix = prefix.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !prefix.starts_with(|first: char| first.is_ascii_alphabetic())
            || prefix.ends_with('_')
            || prefix.len() > 32
            || !prefix.bytes().all(allowed)
        {
            return Err(ConfigError::new(
                "ApiKeyFormat",
                "a prefix is at most 32 letters, digits and `_`, begins with a letter and does not \
                 end with `_`",
            ));
        }
        Ok(Self { prefix })
    }

    /// Makes a key.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers to give.
    pub fn generate(&self) -> io::Result<GeneratedKey> {
        let mut id = String::with_capacity(ID);
        base62::random(ID, &mut id)?;
        // As long as it will be: a text that grows leaves copies behind.
        let length = [self.prefix.len(), 1, ID, 1, SECRET, CHECKSUM];
        let mut key = Zeroizing::new(String::with_capacity(length.iter().sum()));
        for part in [&self.prefix, "_", &id, "_"] {
            key.push_str(part);
        }
        base62::random(SECRET, &mut key)?;
        let checksum = base62::checksum(key.as_bytes());
        key.extend(checksum.map(char::from));
        let hash = ApiKeyHash::digest(key.as_bytes());
        Ok(GeneratedKey::new(
            id,
            hash,
            Secret::new(mem::take(&mut key)),
        ))
    }

    /// The id of a key of this form.
    ///
    /// # Errors
    ///
    /// If it is not of this form, or its checksum is wrong.
    pub fn id<'k>(&self, key: &'k str) -> Result<&'k str, ApiKeyRefusal> {
        let (id, rest) = self
            .after_prefix(key)
            .and_then(|rest| rest.split_once('_'))
            .ok_or(ApiKeyRefusal::Format)?;
        let random = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if (id.len(), rest.len()) != (ID, SECRET + CHECKSUM) || !random(id) || !random(rest) {
            return Err(ApiKeyRefusal::Format);
        }
        match key.as_bytes().split_last_chunk() {
            Some((text, checksum)) if base62::checksum(text) == *checksum => Ok(id),
            _ => Err(ApiKeyRefusal::Checksum),
        }
    }

    /// Whether it begins as keys of this form do.
    pub(super) fn begins(&self, key: &[u8]) -> bool {
        let rest = key.strip_prefix(self.prefix.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"_"))
    }

    fn after_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(&*self.prefix)?.strip_prefix('_')
    }
}
