//! What layers leave in a request: who sends it, from where, and what it is counted under.
#![cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        reason = "each feature uses some of it; a build with all features finds what none uses"
    )
)]

mod address;
#[cfg(any(feature = "concurrency-limit", feature = "rate-limit"))]
pub mod key;
mod principal;
pub(crate) mod take_once;

pub(crate) use self::address::{NO_PEER_ADDR, peer_addr};
pub use self::{
    address::{ClientIp, PeerAddr},
    principal::{Auth, Authenticated, Either},
};
