//! What stands in a token, and how it is signed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{nonce, tokens::error};
use crate::wire::ConfigError;

/// Parts the tokens of this crate from whatever else is signed with the same key.
const PURPOSE: &[u8] = b"wythe csrf token 1\0";

/// Seconds since 1970 in 6 bytes, a nonce, an HMAC-SHA256.
const TIME: usize = 6;
const SIGNATURE: usize = 32;
const LENGTH: usize = TIME + nonce::LENGTH + SIGNATURE;
/// No padding and no stray bits: each token has one spelling.
const TEXT_LENGTH: usize = LENGTH / 3 * 4;

/// A token as it was read: what is signed, and the signature.
pub(super) struct Signed([u8; LENGTH]);

impl Signed {
    pub(super) fn parse(token: &[u8]) -> Option<Self> {
        let mut bytes = [0; LENGTH];
        if token.len() != TEXT_LENGTH {
            return None;
        }
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
        (length == LENGTH).then_some(Self(bytes))
    }

    /// Whether the key has signed it for this session.
    pub(super) fn is_by(&self, key: &Hmac<Sha256>, session: &[u8]) -> bool {
        let (signed, signature) = self.0.split_at(LENGTH - SIGNATURE);
        // It takes the same time wherever the two differ.
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

/// A token, written.
pub(super) fn write(
    key: &Hmac<Sha256>,
    seconds: u64,
    nonce: &[u8; nonce::LENGTH],
    session: &[u8],
) -> String {
    // The two bytes left away count 8.9 million years.
    let [_, _, time @ ..] = seconds.to_be_bytes();
    let mut token = [time.as_slice(), nonce].concat();
    let signature = message(key, &token, session).finalize();
    token.extend_from_slice(&signature.into_bytes());
    URL_SAFE_NO_PAD.encode(token)
}

/// All of fixed length but the session, which stands last: no two meanings have one text.
fn message(key: &Hmac<Sha256>, signed: &[u8], session: &[u8]) -> Hmac<Sha256> {
    let mut hmac = key.clone();
    hmac.update(PURPOSE);
    hmac.update(signed);
    hmac.update(session);
    hmac
}

/// A key that the caller gave.
pub(super) fn parse_key(key: &[u8]) -> Result<Hmac<Sha256>, ConfigError> {
    if key.len() < 32 {
        let found = key.len();
        let message = format!("a key has 32 bytes or more, not {found}");
        return Err(ConfigError::new("CsrfTokens", message));
    }
    if key.iter().all(|byte| key.first() == Some(byte)) {
        return Err(error("the key is one byte repeated"));
    }
    hmac(key)
}

pub(super) fn hmac(key: &[u8]) -> Result<Hmac<Sha256>, ConfigError> {
    Hmac::new_from_slice(key).map_err(|source| error("the key can't be used").because(source))
}
