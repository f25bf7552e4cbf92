//! Handlers: async functions whose arguments are given by the stack or extracted by axum.
//!
//! An argument is *given* if a layer of the stack provides it: `Auth`, `Valid`, `ClientIp` or a type
//! of a user's own layer. It is *extracted* if it implements axum's `FromRequestParts` or
//! `FromRequest`. The compiler finds out which, as the index `I` of [`Argument`]; a type that is both
//! has two indexes, which is an error.

use std::{any::type_name, future::Future, marker::PhantomData, mem};

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts},
    response::{IntoResponse, Response},
};
use http::{Request, request::Parts};

use crate::{
    compose::{Given, Gives},
    contract::{Description, Provided, debug_as_name},
    wire::Problem,
};

/// An async function, or a closure that returns a future, with up to 16 arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not an async function of up to 16 arguments",
    note = "a handler is an `async fn`, or a closure that returns a future; what it captures must \
            be `Clone + Send + Sync + 'static`"
)]
pub trait HandlerFunction<Arguments>: Clone + Send + Sync + 'static {
    /// The future that the function returns.
    type Future;

    /// Calls the function.
    fn call(self, arguments: Arguments) -> Self::Future;

    /// What the handler can answer, if it is more than a function.
    fn describe(&self) -> Option<Description> {
        None
    }
}

/// The arguments of a handler inside a stack of the layers `L`, in a router with the state `S`.
pub trait Arguments<L, S, I>: Sized + Send {
    /// What all arguments read from the path.
    fn path_use() -> PathUse;

    /// Takes all arguments from the request, the first one first.
    fn take_all(
        parts: &mut Parts,
        body: Body,
        state: &S,
    ) -> impl Future<Output = Result<Self, Response>> + Send;
}

/// An argument that does not take the body.
#[diagnostic::on_unimplemented(
    message = "no layer in this stack provides `{Self}`, and axum can't extract it",
    label = "the handler asks for `{Self}`",
    note = "to have it provided, add its layer to the stack, or `assume::<{Self}>()` if something \
            outside this stack provides it",
    note = "the type must be the one that the layer provides, such as `Auth` of the claims that \
            `with_auth` verifies; it is an `Option<..>` if and only if the layer has a condition, \
            such as `.when(..)`, or is `.optional()`",
    note = "to have it extracted, implement `FromRequestParts`; an extractor of the body, such as \
            `Json` or `String`, must be the last argument",
    note = "the extractor's own conditions must hold: `T: Deserialize` for `Path<T>`, `Query<T>`, \
            `Json<T>` and `Form<T>`; `T: FromRef<S>` for `State<T>`, where `S` is the state of the \
            router; `T: Clone` for `Extension<T>`"
)]
pub trait Argument<L, S, I>: Sized {
    /// Notes what the argument reads of the path.
    fn note_path_use(path_use: &mut PathUse);

    /// Takes the argument from the request.
    fn take(parts: &mut Parts, state: &S) -> impl Future<Output = Result<Self, Response>> + Send;
}

/// The last argument, which may take the body.
#[diagnostic::on_unimplemented(
    message = "no layer in this stack provides `{Self}`, and axum can't extract it",
    label = "the handler asks for `{Self}`",
    note = "to have it provided, add its layer to the stack, or `assume::<{Self}>()` if something \
            outside this stack provides it",
    note = "the type must be the one that the layer provides, such as `Auth` of the claims that \
            `with_auth` verifies; it is an `Option<..>` if and only if the layer has a condition, \
            such as `.when(..)`, or is `.optional()`",
    note = "to have it extracted, implement `FromRequestParts` or `FromRequest`",
    note = "the extractor's own conditions must hold: `T: Deserialize` for `Path<T>`, `Query<T>`, \
            `Json<T>` and `Form<T>`; `T: FromRef<S>` for `State<T>`, where `S` is the state of the \
            router; `T: Clone` for `Extension<T>`"
)]
pub trait LastArgument<L, S, I>: Sized {
    /// Notes what the argument reads of the path.
    fn note_path_use(path_use: &mut PathUse);

    /// Takes the argument from the request.
    fn take_last(
        parts: &mut Parts,
        body: Body,
        state: &S,
    ) -> impl Future<Output = Result<Self, Response>> + Send;
}

/// What the arguments of a handler read from the path, and whether they may read the body.
#[derive(Clone, Debug, Default)]
pub struct PathUse {
    /// Whether an extractor may read the parameters that axum's router leaves in a request, as its
    /// `Path` does. No type says what an extractor reads inside.
    pub(crate) may_read_axum_params: bool,
    /// Whether an extractor takes the body and may read it without a bound.
    pub(crate) may_read_unbounded: bool,
    /// For each argument that takes the parameters of the path itself: whether it can take those of
    /// a route with parameters of these names.
    pub(crate) takes: Vec<fn(&[&str]) -> Result<(), String>>,
    /// For each of them: the kind of each of these parameters.
    pub(crate) kinds: Vec<fn(&[&str]) -> Vec<(String, ParameterKind)>>,
}

/// What texts a parameter of a path can be read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    /// The type does not say.
    #[default]
    Unknown,
    /// An integer that is not outside these bounds.
    Integer { minimum: i128, maximum: u128 },
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One character.
    Character,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A text. The format is that of JSON Schema, if the type accepts no other text.
    Text { format: Option<&'static str> },
}

/// The index of a last argument that does not take the body.
pub struct FromHead<I>(PhantomData<fn() -> I>);

debug_as_name!(FromHead);

/// The index of an argument that axum extracts from the head of the request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Extracted;

/// The index of an argument that axum extracts from the whole request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ExtractedFromBody;

#[diagnostic::do_not_recommend]
impl<X, L, S, I> Argument<L, S, Given<I>> for X
where
    X: Provided + Send,
    L: Gives<X, I>,
    S: Sync,
{
    fn note_path_use(_: &mut PathUse) {}

    fn take(parts: &mut Parts, _: &S) -> impl Future<Output = Result<Self, Response>> + Send {
        // Compiled once for each type, and not for each stack.
        given(parts)
    }
}

async fn given<X: Provided>(parts: &mut Parts) -> Result<X, Response> {
    match X::from_extensions(&mut parts.extensions) {
        Some(value) => Ok(value),
        None => Err(missing(type_name::<X>())),
    }
}

#[diagnostic::do_not_recommend]
impl<X, L, S> Argument<L, S, Extracted> for X
where
    X: FromRequestParts<S>,
    S: Sync,
{
    fn note_path_use(path_use: &mut PathUse) {
        path_use.may_read_axum_params |= !reads_no_path::<X>();
    }

    async fn take(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let extracted = X::from_request_parts(parts, state).await;
        extracted.map_err(IntoResponse::into_response)
    }
}

#[diagnostic::do_not_recommend]
impl<X, L, S, I> LastArgument<L, S, FromHead<I>> for X
where
    X: Argument<L, S, I>,
    S: Sync,
{
    fn note_path_use(path_use: &mut PathUse) {
        X::note_path_use(path_use);
    }

    fn take_last(
        parts: &mut Parts,
        _: Body,
        state: &S,
    ) -> impl Future<Output = Result<Self, Response>> + Send {
        X::take(parts, state)
    }
}

#[diagnostic::do_not_recommend]
impl<X, L, S> LastArgument<L, S, ExtractedFromBody> for X
where
    X: FromRequest<S>,
    S: Sync,
{
    fn note_path_use(path_use: &mut PathUse) {
        path_use.may_read_axum_params |= !reads_no_path::<X>();
        path_use.may_read_unbounded |= !is_bounded_by_axum::<X>();
    }

    async fn take_last(parts: &mut Parts, body: Body, state: &S) -> Result<Self, Response> {
        let (nothing, ()) = Request::new(()).into_parts();
        let request = Request::from_parts(mem::replace(parts, nothing), body);
        let extracted = X::from_request(request, state).await;
        extracted.map_err(IntoResponse::into_response)
    }
}

/// Whether this is one of axum's own extractors that never read the path.
///
/// The name of a type is only a hint: an extractor that is not recognized, which includes those of
/// other crates, is assumed to read the path. That is slower, but correct.
fn reads_no_path<X>() -> bool {
    const GENERIC: [&str; 7] = [
        "axum::extract::connect_info::ConnectInfo",
        "axum::extract::query::Query",
        "axum::extract::raw_form::RawForm",
        "axum::extract::state::State",
        "axum::extension::Extension",
        "axum::form::Form",
        "axum::json::Json",
    ];
    const PLAIN: [&str; 9] = [
        "alloc::string::String",
        "axum::extract::original_uri::OriginalUri",
        "axum::extract::ws::WebSocketUpgrade",
        "bytes::bytes::Bytes",
        "http::header::map::HeaderMap",
        "http::method::Method",
        "http::uri::Uri",
        "http::version::Version",
        "wythe::integrations::axum::proxy::client::ProxiedRequest",
    ];
    let name = type_name::<X>();
    let (generic, _) = name.split_once('<').unwrap_or((name, ""));
    PLAIN.contains(&name) || GENERIC.contains(&generic)
}

/// Whether this is one of axum's own extractors that read at most 2 MB by default. As above, the name
/// is a hint, and any other extractor is assumed to read the whole body.
fn is_bounded_by_axum<X>() -> bool {
    const GENERIC: [&str; 2] = ["axum::form::Form", "axum::json::Json"];
    const PLAIN: [&str; 4] = [
        "alloc::string::String",
        "axum::extract::multipart::Multipart",
        "axum::extract::raw_form::RawForm",
        "bytes::bytes::Bytes",
    ];
    let mut name = type_name::<X>();
    for outer in ["core::option::Option<", "core::result::Result<"] {
        name = name.strip_prefix(outer).unwrap_or(name);
    }
    let end = name.find([',', '>', '<']).unwrap_or(name.len());
    let name = name.get(..end).unwrap_or(name);
    PLAIN.contains(&name) || GENERIC.contains(&name)
}

#[cold]
fn missing(name: &str) -> Response {
    let problem = Problem::without_provided(name);
    problem.into_response().map(Body::from)
}

impl<F, Fut> HandlerFunction<()> for F
where
    F: FnOnce() -> Fut + Clone + Send + Sync + 'static,
{
    type Future = Fut;

    fn call(self, (): ()) -> Fut {
        self()
    }
}

impl<L, S: Sync> Arguments<L, S, ()> for () {
    fn path_use() -> PathUse {
        PathUse::default()
    }

    async fn take_all(_: &mut Parts, _: Body, _: &S) -> Result<Self, Response> {
        Ok(())
    }
}

macro_rules! handlers {
    ($($argument:ident $index:ident,)* ; $last:ident $last_index:ident) => {
        impl<F, Fut, $($argument,)* $last> HandlerFunction<($($argument,)* $last,)> for F
        where
            F: FnOnce($($argument,)* $last) -> Fut + Clone + Send + Sync + 'static,
        {
            type Future = Fut;

            #[expect(non_snake_case, reason = "a variable for each type parameter")]
            fn call(self, ($($argument,)* $last,): ($($argument,)* $last,)) -> Fut {
                self($($argument,)* $last)
            }
        }

        impl<L, S, $($argument, $index,)* $last, $last_index>
            Arguments<L, S, ($($index,)* $last_index,)> for ($($argument,)* $last,)
        where
            S: Sync,
            $($argument: Argument<L, S, $index> + Send,)*
            $last: LastArgument<L, S, $last_index> + Send,
        {
            fn path_use() -> PathUse {
                let mut path_use = PathUse::default();
                $($argument::note_path_use(&mut path_use);)*
                $last::note_path_use(&mut path_use);
                path_use
            }

            #[expect(non_snake_case, reason = "a variable for each type parameter")]
            async fn take_all(
                parts: &mut Parts,
                body: Body,
                state: &S,
            ) -> Result<Self, Response> {
                $(let $argument = $argument::take(parts, state).await?;)*
                let $last = $last::take_last(parts, body, state).await?;
                Ok(($($argument,)* $last,))
            }
        }
    };
}

/// One implementation for each number of arguments.
macro_rules! up_to {
    ($($done:ident $index:ident,)* ;) => {};
    ($($done:ident $index:ident,)* ; $next:ident $next_index:ident, $($rest:tt)*) => {
        handlers!($($done $index,)* ; $next $next_index);
        up_to!($($done $index,)* $next $next_index, ; $($rest)*);
    };
}
up_to!(
    ; A1 I1, A2 I2, A3 I3, A4 I4, A5 I5, A6 I6, A7 I7, A8 I8, A9 I9, A10 I10, A11 I11, A12 I12,
    A13 I13, A14 I14, A15 I15, A16 I16,
);

#[cfg(test)]
mod tests {
    use axum::{
        Json,
        extract::{Path, Request},
    };
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    #[test]
    fn extractors_that_never_read_the_path_are_known_by_their_types() {
        assert!(reads_no_path::<Bytes>());
        assert!(reads_no_path::<HeaderMap>());
        assert!(reads_no_path::<Json<u8>>());
        assert!(!reads_no_path::<Path<u8>>());
        assert!(!reads_no_path::<Request>());
    }

    #[test]
    fn a_last_argument_that_may_read_the_path_is_noted() {
        fn may_read<X: LastArgument<(), (), ExtractedFromBody>>() -> bool {
            let mut path_use = PathUse::default();
            X::note_path_use(&mut path_use);
            path_use.may_read_axum_params
        }
        assert!(may_read::<Request>());
        assert!(!may_read::<Json<u8>>());
    }
}
