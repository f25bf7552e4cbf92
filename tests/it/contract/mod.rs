//! The contract of every layer.

#[cfg(feature = "full")]
mod description;
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
#[cfg(all(
    feature = "axum",
    feature = "cache-control",
    feature = "concurrency-limit",
    feature = "cors",
    feature = "load-shed",
    feature = "method",
    feature = "presentation",
    feature = "tower-http",
    feature = "tracing"
))]
mod server_errors;
#[cfg(all(
    feature = "axum",
    feature = "client-ip",
    feature = "ip-filter",
    feature = "rate-limit",
    feature = "tracing"
))]
mod set_up;
pub(crate) mod strict;
#[cfg(feature = "api")]
mod under_api;
