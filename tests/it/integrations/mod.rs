//! Stacks in the hands of other crates.

mod axum;
#[cfg(feature = "tower-http")]
mod tower_http;
