//! Random bits for every build, the seeds of hash tables: they need no dependency, unlike those of
//! `random`.
//!
//! On most targets the system's random numbers seed the standard library's hash tables. Where JavaScript
//! hosts the program they are the same in every instance, so the bits come from the host.

/// 64 bits that clients can't guess, different ones for each call.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) fn random_bits() -> u64 {
    use std::hash::{BuildHasher, RandomState};

    RandomState::new().hash_one(0_u8)
}

/// 64 bits that clients can't guess, different ones for each call.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
#[expect(
    clippy::panic,
    reason = "no host lacks random numbers, and a known seed is unsafe"
)]
pub(crate) fn random_bits() -> u64 {
    match getrandom::u64() {
        Ok(bits) => bits,
        Err(error) => panic!("the host has no random numbers: {error}"),
    }
}
