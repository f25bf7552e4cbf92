//! The keys of a scheme: secrets of HMAC-SHA256, and Ed25519 keys of Standard Webhooks.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use zeroize::Zeroizing;

#[cfg(feature = "webhook-ed25519")]
use super::ed25519::Ed25519Key;
use crate::{support::weak_key::check_key, wire::ConfigError};

/// A key. An HMAC's state holds its secret and is wiped when dropped.
#[derive(Clone)]
pub(super) enum Key {
    Hmac(Hmac<Sha256>),
    #[cfg(feature = "webhook-ed25519")]
    Ed25519(Ed25519Key),
}

/// Shorter secrets can be guessed. Those that senders generate have at least 32 characters.
const MIN_SECRET_BYTES: usize = 16;

impl Key {
    /// A secret that is used exactly as written.
    pub(super) fn verbatim(scheme: &'static str, secret: &[u8]) -> Result<Self, ConfigError> {
        if secret.is_empty() {
            return Err(error(scheme, "the secret is empty"));
        }
        if secret.trim_ascii() != secret {
            return Err(error(
                scheme,
                "the secret begins or ends with white space: remove it (a file often ends with a \
                 line break)",
            ));
        }
        check_key(scheme, "the secret", secret, MIN_SECRET_BYTES)?;
        Self::of_secret(scheme, secret)
    }

    /// A key of Standard Webhooks: an optional `whsec_` and a secret in base64; `whpk_` and a public
    /// key; or `whsk_` and a private key.
    pub(super) fn standard(scheme: &'static str, key: &[u8]) -> Result<Self, ConfigError> {
        let asymmetric = [b"whpk_", b"whsk_"];
        if asymmetric.iter().any(|prefix| key.starts_with(*prefix)) {
            #[cfg(feature = "webhook-ed25519")]
            return Ed25519Key::parse(scheme, key).map(Self::Ed25519);
            #[cfg(not(feature = "webhook-ed25519"))]
            return Err(error(
                scheme,
                "an asymmetric key needs the feature `webhook-ed25519`",
            ));
        }
        if key.is_empty() {
            return Err(error(scheme, "the secret is empty"));
        }
        let secret = decode(scheme, key.strip_prefix(b"whsec_").unwrap_or(key))?;
        if !(24..=64).contains(&secret.len()) {
            let found = secret.len();
            return Err(error(
                scheme,
                format!(
                    "the secret has {found} bytes, and needs from 24 to 64: generate one with \
                     `echo \"whsec_$(openssl rand -base64 32)\"`"
                ),
            ));
        }
        check_key(scheme, "the secret", &secret, MIN_SECRET_BYTES)?;
        Self::of_secret(scheme, &secret)
    }

    /// The state of an HMAC with this secret, if it is a secret.
    #[cfg_attr(
        not(feature = "webhook-ed25519"),
        expect(
            clippy::unnecessary_wraps,
            reason = "there are other keys with the feature"
        )
    )]
    pub(super) const fn hmac(&self) -> Option<&Hmac<Sha256>> {
        match self {
            Self::Hmac(hmac) => Some(hmac),
            #[cfg(feature = "webhook-ed25519")]
            Self::Ed25519(_) => None,
        }
    }

    #[cfg(feature = "webhook-ed25519")]
    pub(super) const fn ed25519(&self) -> Option<&Ed25519Key> {
        match self {
            Self::Hmac(_) => None,
            Self::Ed25519(key) => Some(key),
        }
    }

    fn of_secret(scheme: &'static str, secret: &[u8]) -> Result<Self, ConfigError> {
        let hmac = Hmac::new_from_slice(secret);
        let hmac = hmac.map_err(|cause| error(scheme, "an invalid secret").because(cause))?;
        Ok(Self::Hmac(hmac))
    }
}

pub(super) fn decode(scheme: &'static str, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let decoded = STANDARD.decode(text).map(Zeroizing::new);
    // The cause would quote a byte of the key.
    decoded.map_err(|_invalid| {
        error(
            scheme,
            "the key is not base64: give it as the sender shows it, such as `whsec_` and base64",
        )
    })
}

pub(super) fn error(scheme: &'static str, message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(scheme, message)
}
