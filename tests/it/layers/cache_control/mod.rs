//! `with_cache_control`.

mod config;
mod responses;
