//! `with_scopes`, `with_roles` and `with_authorization`.

mod decisions;
#[cfg(feature = "tracing")]
mod log;
