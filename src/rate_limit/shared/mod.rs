//! Limits that many instances share, in Redis or Valkey.

mod breaker;
mod connection;
mod engine;
mod failure;
mod lease;
mod limit;
mod metrics;
mod name;
mod remote;
mod script;
mod store;

pub use self::{failure::OnFailure, limit::SharedLimit, metrics::RedisMetrics, store::RedisStore};
pub(in crate::rate_limit) use self::{
    limit::Sharing,
    name::Name,
    remote::{Question, Remote},
};
