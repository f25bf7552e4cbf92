//! Stacks used with other crates.

#[cfg(feature = "axum")]
mod axum;
#[cfg(all(feature = "auth", feature = "axum", feature = "tracing"))]
mod from_layer;
#[cfg(all(feature = "api", feature = "proxy"))]
mod proxy;
#[cfg(feature = "tower-http")]
mod tower_http;
