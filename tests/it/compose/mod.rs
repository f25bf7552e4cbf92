//! Stacks: what goes into them, and what they print.

#[cfg(all(
    feature = "cache-control",
    feature = "jwt",
    feature = "rate-limit",
    feature = "validation"
))]
mod display;
#[cfg(feature = "axum")]
mod foreign_layers;
mod service_fn;
