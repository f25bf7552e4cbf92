//! The hash of a key: what is stored of it.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::wire::{ConfigError, field::authorization::is_token68};

/// The fewest characters of a key that [`ApiKeyHash::of`] takes: 95 bits, if they are random
/// letters and digits.
const LEAST: usize = 16;

/// The SHA-256 hash of an API key: all that a server stores of it.
///
/// It is written as 64 hexadecimal digits. Two hashes are compared in constant time.
///
/// # Example
///
/// ```
/// use wythe::ApiKeyHash;
///
/// let hash = ApiKeyHash::of("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ")?;
/// let text = hash.to_string();
/// assert!(text.starts_with("af270d01"));
/// assert_eq!(text.parse::<ApiKeyHash>()?, hash);
/// assert!(ApiKeyHash::of("hunter2").is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # Security
///
/// One round of SHA-256 is right for a key of 128 random bits or more: nobody can try so many, at
/// whatever speed, and every request pays for the hash. What a person chose, a counter, a time or a
/// short code can be guessed from its hash by trying: that is a password, and belongs to
/// `Basic::argon2`.
#[derive(Clone, Copy)]
#[must_use]
pub struct ApiKeyHash([u8; 32]);

impl ApiKeyHash {
    /// The hash of a key that was made elsewhere. [`ApiKeyFormat`](super::ApiKeyFormat) makes keys
    /// together with their hashes.
    ///
    /// # Errors
    ///
    /// If the key is shorter than 16 characters or one character repeated, which anybody guesses,
    /// or has other characters than `A-Z a-z 0-9 - . _ ~ + /` and `=` at its end, which no request
    /// may hold.
    pub fn of(key: impl AsRef<str>) -> Result<Self, ConfigError> {
        let key = key.as_ref().as_bytes();
        if key.len() < LEAST {
            let message = format!("a key needs {LEAST} characters or more, not {}", key.len());
            return Err(error(message));
        }
        if key.iter().all(|byte| key.first() == Some(byte)) {
            return Err(error("the key is one character repeated"));
        }
        if !is_token68(key) {
            return Err(error("the key holds what no request may hold"));
        }
        Ok(Self::digest(key))
    }

    /// A hash that was stored as bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash of whatever a request holds.
    pub(super) fn digest(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }
}

fn error(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new("ApiKeyHash", message)
}

impl PartialEq for ApiKeyHash {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ApiKeyHash {}

impl Hash for ApiKeyHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl FromStr for ApiKeyHash {
    type Err = ConfigError;

    /// Reads 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = || error("a hash is 64 hexadecimal digits");
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)
                .zip(digit(*low))
                .map(|(high, low)| high << 4 | low)
                .ok_or_else(wrong)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| digit.try_into().ok())
}

impl fmt::Display for ApiKeyHash {
    /// 64 hexadecimal digits in lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyHash(..)")
    }
}
