//! Public routes.

pub(crate) mod data;
pub(crate) mod docs;
pub(crate) mod hello;
pub(crate) mod posts;
pub(crate) mod search;
