//! `with_*` layers for towers of HTTP handlers, and one combinator, `compose`.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
pub mod axum;
pub mod compose;
mod config_error;
mod describe;
mod middleware;
mod place;
mod problem;
pub mod stage;

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub use crate::axum::{Extract, FromLayer};
pub use compose::{Stack, assume, compose, layer};
pub use config_error::ConfigError;
pub use describe::{Answer, Description};
pub use middleware::{Middleware, Step, With, Wrapped, WrappedFuture, with};
pub use place::{Always, Needed, Place, Provided, Sometimes, Weaken};
pub use problem::{PROBLEM_JSON, Problem};
