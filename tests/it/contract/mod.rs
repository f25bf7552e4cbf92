//! The contract of every layer.

pub(crate) mod disconnects;
mod every_layer;
#[cfg(all(
    feature = "axum",
    feature = "client-ip",
    feature = "concurrency-limit",
    feature = "ip-filter",
    feature = "load-shed",
    feature = "method",
    feature = "rate-limit",
    feature = "tracing",
    feature = "validation"
))]
mod refusals_log;
pub(crate) mod strict;
