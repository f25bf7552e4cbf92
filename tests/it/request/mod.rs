//! What is read from requests.

#[cfg(all(feature = "axum", feature = "cookies"))]
mod cookies;
#[cfg(all(feature = "auth", feature = "axum", feature = "rate-limit"))]
mod keys;
#[cfg(all(feature = "rate-limit", feature = "tracing"))]
mod keys_log;
