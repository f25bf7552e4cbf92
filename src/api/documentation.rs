//! Whether an [`Api`](super::Api) demands that the types of its routes are documented.

use std::fmt;

#[cfg(feature = "openapi")]
use super::openapi::{
    arguments::ArgumentTypes, input::SchemaOfInput, response::ResponseTypes, schemas::Schemas,
};

/// The routes may have any types, and the document says nothing about them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Undocumented;

/// The types of all routes have schemas.
#[cfg(feature = "openapi")]
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Documented;

/// What is known about the types of a route.
#[derive(Clone, Copy, Default)]
#[cfg_attr(not(feature = "openapi"), non_exhaustive)]
pub struct RouteTypes {
    /// `None` if the route is not documented.
    #[cfg(feature = "openapi")]
    pub(super) documented: Option<HandlerTypes>,
}

/// The types of a documented route. A document is made when it is asked for, so these are functions.
#[cfg(feature = "openapi")]
#[derive(Clone, Copy)]
pub(super) struct HandlerTypes {
    pub(super) inputs: fn(&mut Vec<SchemaOfInput>),
    pub(super) arguments: fn(&mut ArgumentTypes, &mut Schemas),
    pub(super) response: fn(&mut ResponseTypes<'_>),
}

impl fmt::Debug for RouteTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteTypes").finish_non_exhaustive()
    }
}

/// A mode of an `Api` in which this handler can be a route.
pub trait Documents<Handler> {
    /// The types of the handler, as far as the mode documents them.
    fn types() -> RouteTypes;
}

impl<H> Documents<H> for Undocumented {
    fn types() -> RouteTypes {
        RouteTypes::default()
    }
}

/// A mode of an `Api` in which services and routers can be routes.
#[diagnostic::on_unimplemented(
    message = "the document can't describe the responses of a service or a router",
    label = "routes have schemas here, because of `.documented()`",
    note = "write `.undocumented(\"why\", |open| open.service(..))`: the audit lists the reason"
)]
pub trait TakesServices {}

impl TakesServices for Undocumented {}

/// A mode in which an `Api` of the mode `Inner` can be nested.
#[diagnostic::on_unimplemented(
    message = "the nested `Api` is not documented, but this one is",
    label = "routes have schemas here, because of `.documented()`",
    note = "call `.documented()` on the nested `Api`, before its routes; a function returns \
            `FinishedApi<_, _, Documented>`",
    note = "or write `.undocumented(\"why\", |api| api.nest(..))`: the audit lists the reason"
)]
pub trait Nests<Inner> {}

impl<Inner> Nests<Inner> for Undocumented {}

#[cfg(feature = "openapi")]
mod documented {
    use super::{Documented, Documents, HandlerTypes, Nests, RouteTypes};
    use crate::{
        api::openapi::{
            arguments::DocumentArguments, input::DocumentLayers, response::DocumentResponse,
        },
        integrations::axum::Handled,
    };

    impl Nests<Self> for Documented {}

    // With its bounds in the compiler's messages: they name what has no schema.
    impl<L, S, X, O, I> Documents<Handled<L, S, X, O, I>> for Documented
    where
        L: DocumentLayers,
        X: DocumentArguments<I>,
        O: DocumentResponse,
    {
        fn types() -> RouteTypes {
            RouteTypes {
                documented: Some(HandlerTypes {
                    inputs: L::schemas,
                    arguments: X::document,
                    response: O::document,
                }),
            }
        }
    }
}
