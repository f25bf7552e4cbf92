//! Extracts for axum what a layer provides, and whatever another crate extracts.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;

use crate::{contract::Provided, wire::Problem};

/// Takes what a layer of your own provides: `FromLayer(tenant): FromLayer<Tenant>`.
///
/// A type that has an extractor, such as `Auth` and `Valid`, needs no wrapper.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "it is taken apart in a handler's arguments"
)]
pub struct FromLayer<T>(pub T);

/// Runs an extractor that is not axum's own: `Extract(session): Extract<Session>`.
///
/// The compiler knows that axum's extractors need no layer. Of others it does not: this wrapper
/// says so.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "it is taken apart in a handler's arguments"
)]
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

/// For what takes the whole request, and only that: what takes parts of it is one of these by axum's
/// own rule, and two ways to be one would be none.
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
