//! What several parts of the crate need and no user sees: clocks, timers, backoff, shards, networks,
//! HTTPS, Redis, the check of keys.
#![cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        reason = "each feature uses some of it; a build with all features finds what none uses"
    )
)]

pub(crate) mod backoff;
pub(crate) mod clock;
#[cfg(any(feature = "jwks", feature = "proxy"))]
pub(crate) mod https;
#[cfg(any(
    feature = "client-ip",
    feature = "hosts",
    feature = "https-only",
    feature = "ip-filter",
    feature = "proxy",
    feature = "request-id",
    feature = "security-headers",
    feature = "trace"
))]
pub mod networks;
#[cfg(any(feature = "request-id", feature = "trace"))]
pub(crate) mod random;
#[cfg(any(
    feature = "idempotency-redis",
    feature = "rate-limit-redis",
    feature = "session-redis",
    feature = "webhook-redis"
))]
pub(crate) mod redis;
pub(crate) mod seed;
pub(crate) mod shards;
pub(crate) mod shared_guards;
#[cfg(any(feature = "body-limit", feature = "proxy", feature = "timeout"))]
pub(crate) mod timer;
pub(crate) mod weak_key;
