//! `with_presentation`.

mod answers;
mod grpc;
#[cfg(feature = "tracing")]
mod log;
mod pages;
