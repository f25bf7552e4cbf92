//! Stacks in the hands of other crates.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tower-http")]
mod tower_http;
