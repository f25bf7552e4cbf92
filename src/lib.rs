//! `with_*` layers for towers of HTTP handlers, and one combinator, `compose`.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod compose;
mod config_error;
#[cfg(feature = "cors")]
#[cfg_attr(docsrs, doc(cfg(feature = "cors")))]
pub mod cors;
mod describe;
mod field;
#[cfg(feature = "method")]
#[cfg_attr(docsrs, doc(cfg(feature = "method")))]
pub mod method;
mod middleware;
mod place;
mod problem;
pub mod stage;

pub use compose::{Stack, compose};
pub use config_error::ConfigError;
#[cfg(feature = "cors")]
#[cfg_attr(docsrs, doc(cfg(feature = "cors")))]
pub use cors::{Cors, with_cors};
pub use describe::{Answer, Description};
#[cfg(feature = "method")]
#[cfg_attr(docsrs, doc(cfg(feature = "method")))]
pub use method::{Endpoint, Methods, endpoint, with_methods};
pub use middleware::{Middleware, Step, With, Wrapped, WrappedFuture, with};
pub use place::{Always, Needed, Place, Provided, Sometimes, Weaken};
pub use problem::{PROBLEM_JSON, Problem};
