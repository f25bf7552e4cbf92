//! Limits that are shared through Redis.

mod failures;
mod instances;
mod leases;
#[cfg(feature = "tracing")]
mod log;
