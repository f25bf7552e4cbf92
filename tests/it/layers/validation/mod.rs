//! `with_validation`.

mod body;
mod form;
mod json;
#[cfg(feature = "tracing")]
mod log;
mod query;
mod sockets;
