//! The arguments of a handler that the route gives: [`Path`].

use std::any::type_name;

use schemars::JsonSchema;
use serde_json::Value;

use super::schemas::Schemas;
use crate::{
    api::path::{GivenByRoute, Path, RoutePath},
    compose::Given,
    integrations::axum::{Extracted, ExtractedFromBody, FromHead},
};

/// What the arguments of a handler say about the route.
#[derive(Debug, Default)]
pub struct ArgumentTypes {
    /// The schema of the parameters of the path.
    pub(super) path: Option<Value>,
    /// Whether an extractor, about which nothing is known, takes the body or something else.
    pub(super) extracts_body: bool,
    /// Whether the handler takes the whole request, and may read the body.
    pub(super) takes_request: bool,
    /// Whether an extractor may answer in the handler's place.
    pub(super) may_refuse: bool,
}

/// The arguments of a handler, as a tuple, taken from a request as `I` says.
pub trait DocumentArguments<I> {
    /// Adds what the arguments say.
    fn document(types: &mut ArgumentTypes, schemas: &mut Schemas);
}

/// An argument of a handler, taken from a request as `I` says.
///
/// What a layer gives is documented by the layer. What an extractor takes is unknown.
#[diagnostic::on_unimplemented(
    message = "the document has no schema of `{Self}`, which the handler takes",
    label = "routes have schemas here, because of `.documented()`",
    note = "derive `schemars::JsonSchema` for the type inside",
    note = "or write `.undocumented(\"why\", |api| api.get(..))`: the audit lists the reason"
)]
pub trait DocumentArgument<I> {
    /// Adds what the argument says.
    fn document(types: &mut ArgumentTypes, schemas: &mut Schemas);
}

impl<X, I> DocumentArgument<Given<I>> for X {
    fn document(_: &mut ArgumentTypes, _: &mut Schemas) {}
}

impl<X> DocumentArgument<Extracted> for X {
    fn document(types: &mut ArgumentTypes, _: &mut Schemas) {
        types.may_refuse |= !never_refuses::<X>();
    }
}

impl<X> DocumentArgument<ExtractedFromBody> for X {
    fn document(types: &mut ArgumentTypes, _: &mut Schemas) {
        if is_whole_request::<X>() {
            types.takes_request = true;
        } else {
            types.extracts_body = true;
        }
        types.may_refuse = true;
    }
}

/// Whether this extractor accepts every request, judged by the name of its type, because no type says
/// so.
fn never_refuses<X>() -> bool {
    const GENERIC: [&str; 2] = ["axum::extract::state::State", "core::option::Option"];
    const PLAIN: [&str; 6] = [
        "axum::extract::original_uri::OriginalUri",
        "http::header::map::HeaderMap",
        "http::method::Method",
        "http::uri::Uri",
        "http::version::Version",
        "wythe::wire::cookies::request::Cookies",
    ];
    let name = type_name::<X>();
    let (generic, _) = name.split_once('<').unwrap_or((name, ""));
    PLAIN.contains(&name) || GENERIC.contains(&generic)
}

/// Whether this is the whole request, or that of a proxy, judged by the name of its type.
fn is_whole_request<X>() -> bool {
    const WHOLE: [&str; 2] = [
        "http::request::Request",
        "wythe::integrations::axum::proxy::client::ProxiedRequest",
    ];
    let name = type_name::<X>();
    let (name, _) = name.split_once('<').unwrap_or((name, ""));
    WHOLE.contains(&name)
}

impl<X: DocumentArgument<I>, I> DocumentArgument<FromHead<I>> for X {
    fn document(types: &mut ArgumentTypes, schemas: &mut Schemas) {
        X::document(types, schemas);
    }
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> DocumentArgument<GivenByRoute> for Path<T> {
    fn document(types: &mut ArgumentTypes, schemas: &mut Schemas) {
        let schema = schemas.input::<T>();
        types.path = Some(schemas.resolve(&schema));
    }
}

impl DocumentArgument<GivenByRoute> for RoutePath {
    fn document(_: &mut ArgumentTypes, _: &mut Schemas) {}
}

macro_rules! tuples {
    ($($argument:ident $index:ident,)*) => {
        impl<$($argument, $index,)*> DocumentArguments<($($index,)*)> for ($($argument,)*)
        where
            $($argument: DocumentArgument<$index>,)*
        {
            fn document(_types: &mut ArgumentTypes, _schemas: &mut Schemas) {
                $($argument::document(_types, _schemas);)*
            }
        }
    };
}

/// One implementation for each number of arguments.
macro_rules! up_to {
    ($($done:ident $index:ident,)* ;) => {
        tuples!($($done $index,)*);
    };
    ($($done:ident $index:ident,)* ; $next:ident $next_index:ident, $($rest:tt)*) => {
        tuples!($($done $index,)*);
        up_to!($($done $index,)* $next $next_index, ; $($rest)*);
    };
}
up_to!(
    ; A1 I1, A2 I2, A3 I3, A4 I4, A5 I5, A6 I6, A7 I7, A8 I8, A9 I9, A10 I10, A11 I11, A12 I12,
    A13 I13, A14 I14, A15 I15, A16 I16,
);
