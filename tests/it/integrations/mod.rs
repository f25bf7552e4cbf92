//! Stacks used with other crates.

#[cfg(feature = "axum")]
mod axum;
#[cfg(all(feature = "auth", feature = "axum", feature = "tracing"))]
mod from_layer;
#[cfg(feature = "tower-http")]
mod tower_http;
