//! Wrappers for handler arguments: values that a layer provides, and extractors of other crates.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;

use crate::{contract::Provided, wire::Problem};

/// Extracts a value that a layer of your own provides: `FromLayer(tenant): FromLayer<Tenant>`.
///
/// A type that has an extractor, such as `Auth` and `Valid`, needs no wrapper.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
pub struct FromLayer<T>(pub T);

/// Runs an extractor that is not axum's own: `Extract(session): Extract<Session>`.
///
/// The compiler knows that axum's extractors need no layer. For other extractors, this wrapper
/// declares it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
pub struct Extract<T>(pub T);

impl<T, S> FromRequestParts<S> for FromLayer<T>
where
    T: Provided,
    S: Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let given = T::from_extensions(&mut parts.extensions);
        given.map(FromLayer).ok_or_else(Problem::not_provided::<T>)
    }
}

/// For extractors of the whole request. An extractor of parts is one of these too, by axum's own
/// implementation, so it must not get a second one here.
impl<T, S> FromRequest<S> for Extract<T>
where
    T: FromRequest<S>,
    S: Send + Sync,
{
    type Rejection = T::Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, T::Rejection> {
        T::from_request(request, state).await.map(Extract)
    }
}

impl<T, S> FromRequestParts<S> for Extract<T>
where
    T: FromRequestParts<S>,
    S: Sync,
{
    type Rejection = T::Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, T::Rejection> {
        T::from_request_parts(parts, state).await.map(Extract)
    }
}
