//! What a layer is: a policy over requests and responses, its place in a stack, its description.
#![cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        unused_imports,
        reason = "each feature uses some of it; a build with all features finds what none uses"
    )
)]

mod breach;
pub mod description;
mod later;
mod log;
mod middleware;
mod place;
mod placed;
pub mod stage;
mod with;

#[cfg(feature = "metrics")]
pub(crate) use self::log::REFUSALS;
pub use self::{
    breach::Breach,
    description::layer::Description,
    later::Later,
    middleware::{Middleware, ReplyBody, Step},
    place::{Always, Needed, Place, Provided, Provision, Sometimes},
    placed::{Marked, Placed, placed},
    with::{IntoPolicy, With, Wrapped, WrappedFuture, with},
};
pub(crate) use self::{
    breach::close,
    log::{finish, log_passing, log_server_error, mark_as_logged, presented, report_set_up},
    place::debug_as_name,
};
