//! Extracts for axum what the crate's own layers provide.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::{contract::Provided, wire::Problem};

/// Extractors for what the crate's own layers provide.
macro_rules! extractors {
    ($($(#[$attribute:meta])* [$($generic:ident)*] $provided:ty,)*) => {$(
        $(#[$attribute])*
        impl<$($generic,)* S> FromRequestParts<S> for $provided
        where
            Self: Provided,
            S: Sync,
        {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
                Self::from_extensions(&mut parts.extensions)
                    .ok_or_else(Problem::not_provided::<Self>)
            }
        }

        $(#[$attribute])*
        impl<$($generic,)* S> OptionalFromRequestParts<S> for $provided
        where
            Self: Provided,
            S: Sync,
        {
            type Rejection = Problem;

            async fn from_request_parts(
                parts: &mut Parts,
                _: &S,
            ) -> Result<Option<Self>, Problem> {
                Ok(Self::from_extensions(&mut parts.extensions))
            }
        }
    )*};
}

extractors! {
    #[cfg(feature = "auth")]
    [C] crate::request::Auth<C>,
    [] crate::request::ClientIp,
    #[cfg(feature = "validation")]
    [I] crate::layers::validation::Valid<I>,
}
