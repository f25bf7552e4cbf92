//! Stacks used with other crates.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tower-http")]
mod tower_http;
