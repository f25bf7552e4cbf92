//! Limits that are shared in Redis.

mod failures;
mod instances;
mod leases;
#[cfg(feature = "tracing")]
mod log;
