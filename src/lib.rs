//! `with_*` layers for towers of HTTP handlers, and one combinator, `compose`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
pub mod compose;
mod config_error;
mod describe;
mod middleware;
pub mod one_body;
mod place;
mod placed;
#[cfg(feature = "presentation")]
#[cfg_attr(docsrs, doc(cfg(feature = "presentation")))]
pub mod presentation;
mod problem;
pub mod stage;
#[cfg(feature = "tower-http")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower-http")))]
pub mod tower_http;

pub use body::{Body, BoxError};
pub use compose::{Stack, compose};
pub use config_error::ConfigError;
pub use describe::{Answer, Description};
pub use middleware::{Middleware, Step, With, Wrapped, WrappedFuture, with};
pub use one_body::with_one_body;
pub use place::{Always, Needed, Place, Provided, Sometimes, Weaken};
pub use placed::{Placed, placed};
#[cfg(feature = "presentation")]
#[cfg_attr(docsrs, doc(cfg(feature = "presentation")))]
pub use presentation::{with_presentation, with_presentation_as};
pub use problem::{PROBLEM_JSON, Problem};
