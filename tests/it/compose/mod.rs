//! Stacks: what they are made of, and how they are printed.

#[cfg(all(
    feature = "cache-control",
    feature = "jwt",
    feature = "rate-limit",
    feature = "validation"
))]
mod display;
#[cfg(all(
    feature = "axum",
    feature = "cache-control",
    feature = "client-ip",
    feature = "cors",
    feature = "hosts",
    feature = "ip-filter",
    feature = "method",
    feature = "presentation"
))]
mod extend;
#[cfg(feature = "axum")]
mod foreign_layers;
#[cfg(feature = "axum")]
mod paths;
mod service_fn;
