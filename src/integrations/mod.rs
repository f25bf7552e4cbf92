//! Other crates' handlers and layers in a stack.

#[cfg(feature = "axum")]
pub(crate) mod axum;
#[cfg(feature = "tower-http")]
pub mod tower_http;
