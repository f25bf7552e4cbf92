//! Extracts for axum what the crate's own layers provide.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::{place::Provided, problem::Problem};

/// Extractors for what the crate's own layers provide.
macro_rules! extractors {
    ($($(#[$attribute:meta])* $provided:ident,)*) => {$(
        $(#[$attribute])*
        impl<X, S> FromRequestParts<S> for crate::$provided<X>
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
        impl<X, S> OptionalFromRequestParts<S> for crate::$provided<X>
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
    Auth,
    #[cfg(feature = "validation")]
    Valid,
}
