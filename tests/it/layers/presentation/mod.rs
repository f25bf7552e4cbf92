//! `with_presentation`.

mod answers;
#[cfg(feature = "tracing")]
mod log;
mod pages;
