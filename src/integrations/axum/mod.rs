//! Fits a stack into axum: [`Stack::handler`](crate::Stack::handler), extractors, responses.
#![cfg_attr(
    not(feature = "full"),
    allow(
        dead_code,
        reason = "an `Api` uses some of it; a build with all features finds what none uses"
    )
)]

#[cfg(feature = "api")]
mod answers;
mod arguments;
mod erased;
mod from_layer;
mod handled;
mod own_types;
#[cfg(feature = "proxy")]
pub mod proxy;
#[cfg(feature = "api")]
mod route_options;

#[cfg(feature = "api")]
pub use answers::{Accepted, Created, NoContent};
#[cfg(feature = "api")]
pub(crate) use arguments::ParameterKind;
pub use arguments::{
    Argument, Arguments, Extracted, ExtractedFromBody, FromHead, HandlerFunction, LastArgument,
    PathUse,
};
pub use erased::Erased;
#[cfg(feature = "api")]
pub(crate) use erased::Stateful;
pub use from_layer::FromLayer;
#[cfg(feature = "api")]
pub use handled::RouteHandler;
#[cfg(feature = "api")]
pub(crate) use handled::{HANDLER_STAGE, HandlerFacts, Inner};
pub use handled::{Handled, HandledFuture};
#[cfg(feature = "api")]
pub use route_options::Concern;
#[cfg(feature = "api")]
pub(crate) use route_options::RouteOptions;
