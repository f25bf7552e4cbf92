//! Handlers and layers of other crates.

#[cfg(feature = "axum")]
pub(crate) mod axum;
#[cfg(feature = "tower-http")]
pub mod tower_http;
