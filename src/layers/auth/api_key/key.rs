//! The keys that a server issues, and the hash that it stores of each.

use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    io, mem,
    str::FromStr,
};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::ApiKeyRefusal;
use crate::{
    support::weak_key::check_key,
    wire::{ConfigError, Secret, field::authorization::is_token68},
};

/// The length of an id: 71 bits, so that no two ids in a database are equal.
const ID: usize = 12;
/// The length of the secret part: 190 bits.
const SECRET: usize = 32;
/// The length of a checksum: 62 to the sixth power is more than 2 to the 32nd.
const CHECKSUM: usize = 6;

/// The format of the keys that you issue: `wy_live_4mTOcQxLr9Bz_` and 38 more characters.
///
/// 1. The prefix is yours: it tells people, and scanners that look for leaked keys, who issued the key
///    and what it is for. Give the scanners the pattern `wy_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}`.
/// 2. An id of 12 random characters. It is not secret: you can store it, index it, show it in a list
///    of keys and write it to logs.
/// 3. A secret of 32 random characters, which is 190 bits.
/// 4. The CRC-32 of everything before it, in 6 characters. A mistyped or truncated key is rejected
///    without a query to the store. This does not stop an attacker, who can compute a checksum as
///    well.
///
/// # Example
///
/// ```
/// use wythe::auth::ApiKeyFormat;
///
/// let format = ApiKeyFormat::new("wy_live")?;
/// let key = format.generate()?;
/// // Store the id and the hash; show the secret once.
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
    /// If the prefix is longer than 32 characters, contains anything but ASCII letters, digits and
    /// `_`, does not begin with a letter, or ends with `_`.
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
                "a prefix has at most 32 letters, digits and `_`, begins with a letter and does \
                 not end with `_`",
            ));
        }
        Ok(Self { prefix })
    }

    /// Generates a key.
    ///
    /// # Errors
    ///
    /// If the system cannot provide random bytes.
    pub fn generate(&self) -> io::Result<GeneratedKey> {
        let mut id = String::with_capacity(ID);
        push_random(ID, &mut id)?;
        // Allocated at its full length: a string that grows leaves copies in freed memory.
        let mut key = Zeroizing::new(String::with_capacity(self.key_length()));
        for part in [&self.prefix, "_", &id, "_"] {
            key.push_str(part);
        }
        push_random(SECRET, &mut key)?;
        let checksum = checksum(key.as_bytes());
        key.extend(checksum.map(char::from));
        Ok(GeneratedKey {
            id,
            hash: ApiKeyHash::digest(key.as_bytes()),
            secret: Secret::new(mem::take(&mut key)),
        })
    }

    /// The id of a key of this format.
    ///
    /// # Errors
    ///
    /// If the key does not have this format, or its checksum is wrong.
    pub fn id<'k>(&self, key: &'k str) -> Result<&'k str, ApiKeyRefusal> {
        let (id, rest) = key
            .strip_prefix(&*self.prefix)
            .and_then(|rest| rest.strip_prefix('_'))
            .and_then(|rest| rest.split_once('_'))
            .ok_or(ApiKeyRefusal::Format)?;
        let random = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if (id.len(), rest.len()) != (ID, SECRET + CHECKSUM) || !random(id) || !random(rest) {
            return Err(ApiKeyRefusal::Format);
        }
        match key.as_bytes().split_last_chunk() {
            Some((text, written)) if checksum(text) == *written => Ok(id),
            _ => Err(ApiKeyRefusal::Checksum),
        }
    }

    /// The length of every key of this format in bytes.
    pub(super) fn key_length(&self) -> usize {
        [self.prefix.len(), 1, ID, 1, SECRET, CHECKSUM].iter().sum()
    }

    /// Whether a token begins with the prefix of this format.
    pub(super) fn is_prefix_of(&self, token: &[u8]) -> bool {
        let rest = token.strip_prefix(self.prefix.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"_"))
    }
}

/// A new key: the key itself, to be shown once, and the id and hash to store. Made by
/// [`ApiKeyFormat::generate`].
///
/// The key cannot be shown again later, because the server stores only its hash. It is wiped when this
/// value is dropped, and `Debug` does not show it.
#[must_use]
pub struct GeneratedKey {
    id: String,
    hash: ApiKeyHash,
    secret: Secret,
}

impl GeneratedKey {
    /// The public part, by which the key is looked up.
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

/// The SHA-256 hash of an API key: all that a server stores of it.
///
/// It is written as 64 hexadecimal digits. Two hashes are compared in constant time.
///
/// # Example
///
/// ```
/// use wythe::auth::ApiKeyHash;
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
/// One round of SHA-256 is enough for a key of at least 128 random bits: nobody can try that many
/// keys, however fast the hash is, and every request pays for the hash. A value that a person chose,
/// a counter, a timestamp or a short code can be recovered from its hash by trying all candidates:
/// treat it as a password, with [`Basic::argon2`](crate::Basic).
#[derive(Clone, Copy)]
#[must_use]
pub struct ApiKeyHash([u8; 32]);

impl ApiKeyHash {
    /// The minimum length of a key for [`of`](Self::of): 95 bits, if the characters are random letters
    /// and digits.
    const MIN_LENGTH: usize = 16;

    /// The hash of a key that was generated elsewhere. [`ApiKeyFormat`] generates keys together
    /// with their hashes.
    ///
    /// # Errors
    ///
    /// If the key is shorter than 16 characters, is one character repeated, or contains anything but
    /// `A-Z a-z 0-9 - . _ ~ + /` and `=` at its end: no request with such a key is accepted.
    pub fn of(key: impl AsRef<str>) -> Result<Self, ConfigError> {
        let key = key.as_ref().as_bytes();
        check_key(HASH_POLICY, "the key", key, Self::MIN_LENGTH)?;
        if !is_token68(key) {
            let message = "the key contains characters other than `A-Z a-z 0-9 - . _ ~ + /`, and \
                           `=` at its end";
            return Err(hash_error(message));
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

    /// The hash of a key as it appears in a request.
    pub(super) fn digest(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }
}

const HASH_POLICY: &str = "ApiKeyHash";

fn hash_error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(HASH_POLICY, message)
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
        let wrong = || hash_error("a hash is written as 64 hexadecimal digits");
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(wrong());
        }
        let digit = |byte: u8| {
            let digit = char::from(byte).to_digit(16)?;
            u8::try_from(digit).ok()
        };
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

// Random text and checksums made of letters and digits, as in GitHub's tokens.

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Appends `length` random characters, all equally likely.
fn push_random(length: usize, text: &mut String) -> io::Result<()> {
    let end = text.len().saturating_add(length);
    let mut bytes = Zeroizing::new([0; 64]);
    while text.len() < end {
        getrandom::fill(bytes.as_mut_slice())?;
        // Six bits give one digit. Two of the 64 values are discarded: a remainder would favour some
        // digits.
        let digits = bytes.iter().map(|byte| byte & 63);
        let digits = digits.filter(|digit| *digit < 62);
        let missing = end.saturating_sub(text.len());
        text.extend(
            digits
                .take(missing)
                .map(|digit| char::from(base62(digit.into()))),
        );
    }
    Ok(())
}

/// The CRC-32 of a text, in six characters.
fn checksum(text: &[u8]) -> [u8; CHECKSUM] {
    let crc = text.iter().fold(u32::MAX, |crc, byte| {
        let [low, ..] = (crc ^ u32::from(*byte)).to_le_bytes();
        crc >> 8 ^ CRC_TABLE.get(usize::from(low)).copied().unwrap_or_default()
    });
    let mut rest = !crc;
    let mut written = [b'0'; CHECKSUM];
    for digit in written.iter_mut().rev() {
        *digit = base62(rest % 62);
        rest /= 62;
    }
    written
}

fn base62(digit: u32) -> u8 {
    let digit = usize::try_from(digit).unwrap_or_default();
    BASE62.get(digit).copied().unwrap_or(b'0')
}

/// The table of the CRC-32 of IEEE 802.3, which zip and PNG use.
static CRC_TABLE: [u32; 256] = crc_table();

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "less than 256")]
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{BASE62, checksum, push_random};

    #[test]
    fn checksums_equal_those_of_github() {
        // A revoked token that is often quoted: `ghp_` followed by this.
        assert_eq!(&checksum(b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"), b"0mLq17");
        // The check value of CRC-32, 0xcbf43926.
        assert_eq!(&checksum(b"123456789"), b"3jZRME");
        assert_eq!(&checksum(b""), b"000000");
    }

    #[test]
    fn random_text_has_the_length_and_uses_the_alphabet() {
        let mut text = "before".to_owned();
        push_random(62 * 100, &mut text).unwrap();
        let text = text.strip_prefix("before").unwrap();
        assert_eq!(text.len(), 62 * 100);
        // Each character is missing with a probability of about e to the -100th.
        let used: HashSet<u8> = text.bytes().collect();
        assert_eq!(used, BASE62.iter().copied().collect());
    }
}
