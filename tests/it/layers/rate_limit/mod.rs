//! `with_rate_limit`.

mod counting;
mod decisions;
#[cfg(feature = "rate-limit-redis")]
mod engines;
mod fields;
mod policies;
#[cfg(feature = "rate-limit-redis")]
mod redis;
mod simulation;
mod threads;
