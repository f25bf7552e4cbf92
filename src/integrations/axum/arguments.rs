//! The handler arguments that need no layer: axum's own extractors, and wrapped ones.

use axum::{
    Extension, Form, Json,
    body::{Body, Bytes},
    extract::{
        ConnectInfo, MatchedPath, NestedPath, OriginalUri, Path, Query, RawForm, RawPathParams,
        RawQuery, State,
    },
};
use http::{Extensions, HeaderMap, Method, Request, Uri, Version, request::Parts};

use super::extract::{Extract, FromLayer};
use crate::compose::{Argument, Extracted, Gives};

macro_rules! extracted {
    ($($(#[$attribute:meta])* [$($generic:ident)*] $type:ty,)*) => {$(
        $(#[$attribute])*
        impl<L, $($generic),*> Argument<L, Extracted> for $type {}
    )*};
}

extracted! {
    [] (),
    [] Body,
    [] Bytes,
    [] Extensions,
    [] HeaderMap,
    [] MatchedPath,
    [] Method,
    [] NestedPath,
    [] OriginalUri,
    [] Parts,
    [] RawForm,
    [] RawPathParams,
    [] RawQuery,
    [] String,
    [] Uri,
    [] Version,
    [T] ConnectInfo<T>,
    [T] Extension<T>,
    [T] Extract<T>,
    [T] Form<T>,
    [T] Json<T>,
    [T] Path<T>,
    [T] Query<T>,
    [T] Request<T>,
    [T] State<T>,
    #[cfg(feature = "cookies")]
    [] crate::wire::cookies::request::Cookies,
    #[cfg(feature = "multipart")]
    [] axum::extract::Multipart,
    #[cfg(feature = "ws")]
    [] axum::extract::WebSocketUpgrade,
}

#[diagnostic::do_not_recommend]
impl<L, T> Argument<L, Extracted> for Option<T> where T: Argument<L, Extracted> {}

#[diagnostic::do_not_recommend]
impl<L, T, E> Argument<L, Extracted> for Result<T, E> where T: Argument<L, Extracted> {}

macro_rules! tuples {
    () => {};
    ($first:ident $($rest:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<L, $first, $($rest),*> Argument<L, Extracted> for ($first, $($rest,)*)
        where
            $first: Argument<L, Extracted>,
            $($rest: Argument<L, Extracted>,)*
        {
        }
        tuples!($($rest)*);
    };
}
tuples!(A B C D E F G H);

/// The index of an argument that is wrapped in [`FromLayer`].
#[derive(Debug)]
pub struct Layered<I>(std::marker::PhantomData<fn() -> I>);

#[diagnostic::do_not_recommend]
impl<L, T, I> Argument<L, Layered<I>> for FromLayer<T> where L: Gives<T, I> {}
