//! No public keys: only secrets can verify tokens.

use std::convert::Infallible;

use super::{JwtAlgorithm, error};
use crate::wire::ConfigError;

/// A public key, which cannot exist without a library for it.
#[derive(Clone)]
pub(super) struct PublicKey(Infallible);

impl PublicKey {
    pub(super) fn new(algorithm: JwtAlgorithm, _: &[u8]) -> Result<Self, ConfigError> {
        Err(error(format!(
            "{algorithm:?} needs a feature of `wythe`: `jwt-aws-lc`, or `jwt-rust-crypto` where there is \
             no C compiler"
        )))
    }

    pub(super) fn rsa(algorithm: JwtAlgorithm, _: &[u8], _: &[u8]) -> Result<Self, ConfigError> {
        Self::new(algorithm, &[])
    }

    pub(super) const fn verifies(&self, _: &[u8], _: &[u8]) -> bool {
        match self.0 {}
    }
}
