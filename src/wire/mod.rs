//! Values on the wire: problems, bodies, field values, and the errors of a configuration.
#![cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        reason = "each feature uses some of it; a build with all features finds what none uses"
    )
)]

mod body;
mod body_error;
mod config_error;
#[cfg(feature = "cookies")]
pub mod cookies;
pub(crate) mod field;
pub(crate) mod head_method;
mod problem;
#[cfg(any(
    feature = "body-limit",
    feature = "idempotency",
    feature = "validation",
    feature = "webhook"
))]
pub(crate) mod read_body;
pub mod response;
mod secret;
mod type_name;

#[cfg(feature = "request-id")]
pub(crate) use self::problem::add_request_id;
pub use self::{
    body::{Body, BoxError, RequestBody},
    body_error::BodyLimitError,
    config_error::ConfigError,
    problem::{PROBLEM_JSON, Problem},
    secret::Secret,
};
pub(crate) use self::{
    problem::{reason_phrase, retry_after, write_member},
    type_name::{type_name, without_paths},
};
