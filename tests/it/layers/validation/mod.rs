//! `with_validation`.

mod body;
mod form;
mod json;
#[cfg(feature = "tracing")]
mod log;
mod names;
#[cfg(all(feature = "api", feature = "axum"))]
mod parts;
mod query;
mod sockets;
