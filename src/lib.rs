//! `with_*` layers for towers of HTTP handlers, and one combinator, `compose`.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "auth")]
mod auth;
mod authenticated;
#[cfg(feature = "jwt")]
mod clock;
pub mod compose;
mod config_error;
mod describe;
#[cfg(feature = "auth")]
mod field;
mod middleware;
mod place;
mod problem;
pub mod stage;

#[cfg(feature = "auth")]
#[cfg_attr(docsrs, doc(cfg(feature = "auth")))]
pub use auth::{
    Auth, Authenticate, Authentication, OptionalAuthentication, Refusal, Verdict, with_auth,
};
#[cfg(feature = "jwt")]
#[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
pub use auth::{Jwt, JwtKey, JwtRefusal};
pub use authenticated::Authenticated;
pub use compose::{Stack, compose};
pub use config_error::ConfigError;
pub use describe::{Answer, Description};
#[cfg(feature = "auth")]
#[cfg_attr(docsrs, doc(cfg(feature = "auth")))]
pub use field::Challenge;
/// The crate of which [`JwtKey`] takes `Algorithm` and `Jwk`, and with which tokens are signed.
#[cfg(feature = "jwt")]
#[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
pub use jsonwebtoken;
pub use middleware::{Middleware, Step, With, Wrapped, WrappedFuture, with};
pub use place::{Always, Needed, Place, Provided, Sometimes, Weaken};
pub use problem::{PROBLEM_JSON, Problem};
