//! Ed25519 (RFC 8032), `v1a` of Standard Webhooks.

use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};

use super::keys::{decode, error};
use crate::wire::ConfigError;

/// The prefix of the signatures of these keys.
pub(super) const PREFIX: &str = "v1a,";

#[derive(Clone)]
pub(super) struct Ed25519Key {
    public: ParsedPublicKey,
    /// Wiped by aws-lc when it is dropped.
    private: Option<Arc<Ed25519KeyPair>>,
}

impl Ed25519Key {
    pub(super) fn parse(scheme: &'static str, key: &[u8]) -> Result<Self, ConfigError> {
        if let Some(public) = key.strip_prefix(b"whpk_") {
            let public = decode(scheme, public)?;
            return Self::new(scheme, &public, None);
        }
        let private = decode(scheme, key.strip_prefix(b"whsk_").unwrap_or(key))?;
        // The seed, or the seed and the public key: RFC 8032 defines the former, and most libraries
        // write the latter.
        let pair = match private.split_at_checked(32) {
            Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
            Some((seed, public)) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => Ed25519KeyPair::from_seed_unchecked(&[]),
        };
        let pair = pair.map_err(|_rejected| {
            error(
                scheme,
                "a private key is base64 of 32 bytes, or of 64 bytes with its public key",
            )
        })?;
        let public = pair.public_key().as_ref().to_vec();
        Self::new(scheme, &public, Some(Arc::new(pair)))
    }

    fn new(
        scheme: &'static str,
        public: &[u8],
        private: Option<Arc<Ed25519KeyPair>>,
    ) -> Result<Self, ConfigError> {
        let public = ParsedPublicKey::new(&ED25519, public)
            .map_err(|cause| error(scheme, "a public key is base64 of 32 bytes").because(cause))?;
        Ok(Self { public, private })
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }

    /// `None` without a private key.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let pair = self.private.as_ref()?;
        Some(pair.sign(message).as_ref().to_vec())
    }
}
