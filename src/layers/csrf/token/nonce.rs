//! Numbers that are used once.

use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::wire::ConfigError;

pub(super) const LENGTH: usize = 16;

/// A source of numbers that nobody can foresee: a count, scrambled with a key that the operating
/// system gives once. So issuing can't fail, and asks nothing of the system.
pub(super) struct Nonces {
    scramble: Hmac<Sha256>,
    count: AtomicU64,
}

impl Nonces {
    pub(super) fn new() -> Result<Self, ConfigError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|source| {
            super::tokens::error("the system gives no random bytes").because(source)
        })?;
        let scramble = super::signed::hmac(&key)?;
        Ok(Self {
            scramble,
            count: AtomicU64::new(0),
        })
    }

    pub(super) fn next(&self) -> [u8; LENGTH] {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut scramble = self.scramble.clone();
        scramble.update(&count.to_be_bytes());
        let bytes: [u8; 32] = scramble.finalize().into_bytes().into();
        let (nonce, _) = bytes.as_chunks::<LENGTH>();
        nonce.first().copied().unwrap_or_default()
    }
}
