//! Holds a token that was verified, and by what it was.

use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use super::window::Window;

/// The number of a `Jwt`'s settings. Each change of them gives another one, so that no settings
/// accept what others have verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::layers::auth::jwt) struct Revision(u64);

impl Revision {
    /// One that no settings have had.
    pub(in crate::layers::auth::jwt) fn next() -> Self {
        static REVISIONS: AtomicU64 = AtomicU64::new(0);
        Self(REVISIONS.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) const fn number(self) -> u64 {
        self.0
    }
}

/// By what a token was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::layers::auth::jwt) struct Proof {
    pub(in crate::layers::auth::jwt) revision: Revision,
    /// The issuer's place among those of the settings.
    pub(in crate::layers::auth::jwt) issuer: usize,
    /// The generation of the issuer's keys, as it was before they were asked. None, if nothing is
    /// to be made of it later.
    pub(in crate::layers::auth::jwt) generation: Option<u64>,
}

/// What came out when a token was verified.
#[derive(Debug)]
pub(in crate::layers::auth::jwt) struct Verified<C> {
    pub(in crate::layers::auth::jwt) claims: C,
    pub(in crate::layers::auth::jwt) window: Window,
    pub(in crate::layers::auth::jwt) proof: Proof,
}

/// A token that was verified.
pub(super) struct Entry<C> {
    /// What it is found by in its table.
    pub(super) key: u64,
    /// All of it; wiped when dropped.
    token: Zeroizing<Box<[u8]>>,
    pub(super) verified: Verified<C>,
}

impl<C> Entry<C> {
    pub(super) fn new(key: u64, token: &[u8], verified: Verified<C>) -> Self {
        Self {
            key,
            token: Zeroizing::new(token.into()),
            verified,
        }
    }

    /// Whether it is this very token. Not in constant time: that would tell something only to
    /// somebody who knows the end of the token's signature already, for it is found by that.
    pub(super) fn is(&self, token: &[u8]) -> bool {
        **self.token == *token
    }

    /// What it takes in memory, but for what the claims allocate.
    pub(super) fn size(&self) -> usize {
        // The table's part: a slot, a place in the index, and what the allocator adds.
        const TABLE: usize = 96;
        size_of::<Self>().saturating_add(self.token.len().saturating_add(TABLE))
    }
}
