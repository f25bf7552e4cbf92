//! Routes that know their stacks.

mod audit;
pub(crate) mod builder;
mod check;
mod finding;
pub(crate) mod mount;
pub(crate) mod path;
pub(crate) mod proof;
mod public;
mod route;
mod service;

#[cfg(doc)]
use self::builder::Api;
pub use self::{
    audit::{Audit, AuditedRoute},
    finding::Finding,
    proof::AnyOf,
    public::Public,
    service::{ApiFuture, ApiService, ConnectedApi, MakeApiService, TrailingSlash},
};
pub use crate::integrations::axum::Concern;
