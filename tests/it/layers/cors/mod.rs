//! `with_cors`.

mod config;
#[cfg(feature = "tracing")]
mod log;
mod preflight;
mod properties;
mod responses;
