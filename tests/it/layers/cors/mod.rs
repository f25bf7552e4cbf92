//! `with_cors`.

mod config;
mod preflight;
mod properties;
mod responses;
