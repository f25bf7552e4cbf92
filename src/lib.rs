//! `with_*` layers for towers of HTTP handlers, and one combinator, `compose`.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "auth")]
pub mod auth;
mod authenticated;
#[cfg(feature = "axum")]
mod axum;
mod body;
#[cfg(feature = "cache-control")]
pub mod cache_control;
#[cfg(feature = "jwt")]
mod clock;
mod compose;
mod config_error;
#[cfg(feature = "cors")]
pub mod cors;
mod describe;
mod field;
pub mod guide;
mod head;
#[cfg(feature = "method")]
pub mod method;
mod middleware;
pub mod one_body;
#[cfg(feature = "rate-limit")]
mod peer;
mod place;
mod placed;
#[cfg(feature = "presentation")]
pub mod presentation;
mod problem;
#[cfg(feature = "rate-limit")]
pub mod rate_limit;
mod reply;
pub mod stage;
#[cfg(feature = "tower-http")]
pub mod tower_http_layers;
#[cfg(feature = "validation")]
pub mod validation;

#[cfg(feature = "axum")]
pub use crate::axum::{Extract, FromLayer};
#[cfg(feature = "auth")]
pub use auth::{Auth, Authenticate, Refusal, Verdict, with_auth};
#[cfg(feature = "jwt")]
pub use auth::{Jwt, JwtKey, JwtRefusal};
pub use authenticated::Authenticated;
pub use body::{Body, BoxError};
#[cfg(feature = "cache-control")]
pub use cache_control::{CacheControl, with_cache_control};
pub use compose::{Stack, assume, compose, layer};
pub use config_error::ConfigError;
#[cfg(feature = "cors")]
pub use cors::{Cors, with_cors};
pub use describe::{Answer, Description};
#[cfg(feature = "auth")]
pub use field::Challenge;
#[cfg(feature = "method")]
pub use method::{Endpoint, Methods, endpoint, with_methods};
pub use middleware::{Middleware, ReplyBody, Step, With, with};
pub use one_body::with_one_body;
#[cfg(feature = "rate-limit")]
pub use peer::PeerAddr;
pub use place::{Always, Needed, Place, Provided, Sometimes, Weaken};
pub use placed::{Placed, placed};
#[cfg(feature = "presentation")]
pub use presentation::{with_presentation, with_presentation_as};
pub use problem::{PROBLEM_JSON, Problem};
#[cfg(feature = "rate-limit")]
pub use rate_limit::{Quota, RateLimit, RateLimitFields, with_rate_limit};
pub use reply::Reply;
#[cfg(feature = "validation")]
pub use validation::{Form, Input, Json, JsonOrForm, Query, Valid, Validation, with_validation};

/// Types that stand in signatures and compiler messages: the compiler infers them, nobody writes
/// them.
pub mod types {
    #[cfg(feature = "axum")]
    pub use crate::axum::{Erased, ErasedFuture, Handled, HandledFuture, IsHandler, Layered};
    pub use crate::compose::{
        Append, Argument, Assumed, Cons, Covers, Describe, Direct, Extracted, FirstOf, Foreign,
        Function, FunctionFuture, FunctionService, Given, Gives, Has, Inside, IntoList, Met, Nil,
        Offers, Ordered, SecondOf, When,
    };
    pub use crate::middleware::{Wrapped, WrappedFuture};
}
