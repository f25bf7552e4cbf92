//! Where sessions are kept.

#[cfg(feature = "session-redis")]
mod every_store;
mod memory;
#[cfg(feature = "session-redis")]
mod redis;
#[cfg(feature = "session-redis")]
mod redis_failures;
