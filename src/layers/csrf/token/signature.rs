//! The content of a token, and its signature.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{support::weak_key::check_key, wire::ConfigError};

/// Separates the tokens of this crate from anything else that is signed with the same key.
const PURPOSE: &[u8] = b"wythe csrf token 1\0";

/// Seconds since 1970 in 6 bytes, a nonce, an HMAC-SHA256.
const TIME: usize = 6;
const NONCE: usize = 16;
const SIGNATURE: usize = 32;
const LENGTH: usize = TIME + NONCE + SIGNATURE;
/// Without padding and trailing bits: each token has a single encoding.
const TEXT_LENGTH: usize = LENGTH / 3 * 4;

/// A token: the signed bytes and the signature.
pub(super) struct SignedToken([u8; LENGTH]);

impl SignedToken {
    pub(super) fn parse(token: &[u8]) -> Option<Self> {
        let mut bytes = [0; LENGTH];
        if token.len() != TEXT_LENGTH {
            return None;
        }
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
        (length == LENGTH).then_some(Self(bytes))
    }

    /// Whether it was signed with this key for this session.
    pub(super) fn is_signed_by(&self, key: &Hmac<Sha256>, session: &[u8]) -> bool {
        let (signed, signature) = self.0.split_at(LENGTH - SIGNATURE);
        // The comparison takes constant time.
        message(key, signed, session)
            .verify_slice(signature)
            .is_ok()
    }

    /// When it was issued, in seconds since 1970.
    pub(super) fn time(&self) -> u64 {
        let time = self.0.iter().take(TIME);
        time.fold(0, |time, byte| (time << 8) | u64::from(*byte))
    }
}

/// Writes a token.
pub(super) fn sign(
    key: &Hmac<Sha256>,
    seconds: u64,
    nonce: &[u8; NONCE],
    session: &[u8],
) -> String {
    // Six bytes of seconds last for 8.9 million years.
    let [_, _, time @ ..] = seconds.to_be_bytes();
    let mut token = [time.as_slice(), nonce].concat();
    let signature = message(key, &token, session).finalize();
    token.extend_from_slice(&signature.into_bytes());
    URL_SAFE_NO_PAD.encode(token)
}

/// All parts except the session have a fixed length, and the session comes last, so the message is
/// unambiguous.
fn message(key: &Hmac<Sha256>, signed: &[u8], session: &[u8]) -> Hmac<Sha256> {
    let mut hmac = key.clone();
    hmac.update(PURPOSE);
    hmac.update(signed);
    hmac.update(session);
    hmac
}

/// A key from the configuration.
pub(super) fn parse_key(key: &[u8]) -> Result<Hmac<Sha256>, ConfigError> {
    check_key("CsrfTokens", "the key", key, 32)?;
    hmac(key)
}

fn hmac(key: &[u8]) -> Result<Hmac<Sha256>, ConfigError> {
    Hmac::new_from_slice(key).map_err(|source| error("the key is invalid").because(source))
}

/// A source of unpredictable numbers: a counter under a keyed hash, whose random key is requested from
/// the operating system once. Issuing a token therefore can't fail and makes no system call.
pub(super) struct Nonces {
    key: Hmac<Sha256>,
    count: AtomicU64,
}

impl Nonces {
    pub(super) fn new() -> Result<Self, ConfigError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|source| {
            error("the operating system provides no random bytes").because(source)
        })?;
        let key = hmac(&key)?;
        Ok(Self {
            key,
            count: AtomicU64::new(0),
        })
    }

    pub(super) fn next(&self) -> [u8; NONCE] {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut hmac = self.key.clone();
        hmac.update(&count.to_be_bytes());
        let bytes: [u8; 32] = hmac.finalize().into_bytes().into();
        let (nonce, _) = bytes.as_chunks::<NONCE>();
        nonce.first().copied().unwrap_or_default()
    }
}

pub(super) fn error(message: &'static str) -> ConfigError {
    ConfigError::new("CsrfTokens", message)
}
