//! axum's traits for the types of this crate: extractors, responses and validated inputs.

use axum::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{contract::Provided, wire::Problem};

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // The inherent function, which has the same name.
        Self::into_response(self).map(Body::from)
    }
}

/// Extractors for what the layers of this crate provide.
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
    [I] crate::layers::validation::input::Valid<I>,
}

#[cfg(feature = "cookies")]
mod cookies {
    use std::convert::Infallible;

    use axum::{
        extract::FromRequestParts,
        response::{IntoResponse, IntoResponseParts, Response, ResponseParts},
    };
    use http::request::Parts;

    use crate::wire::cookies::{request::Cookies, set_cookie::SetCookie};

    impl<S: Sync> FromRequestParts<S> for Cookies {
        type Rejection = Infallible;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
            Ok(Self::of(&parts.headers))
        }
    }

    impl IntoResponseParts for SetCookie {
        type Error = Infallible;

        fn into_response_parts(
            self,
            mut response: ResponseParts,
        ) -> Result<ResponseParts, Infallible> {
            self.append_to(response.headers_mut());
            Ok(response)
        }
    }

    /// An empty response that sets the cookie.
    impl IntoResponse for SetCookie {
        fn into_response(self) -> Response {
            (self, ()).into_response()
        }
    }
}

/// axum's wrappers are inputs of `with_validation`.
#[cfg(feature = "validation")]
mod inputs {
    use axum::{Form, Json, extract::Query};
    use garde::Validate;
    use serde::de::DeserializeOwned;

    use crate::layers::validation::{Format, input::Input};

    macro_rules! inputs {
        ($($name:ident)*) => {$(
            #[diagnostic::do_not_recommend]
            impl<T: DeserializeOwned + Validate + Send + 'static> Input for $name<T> {
                type Value = T;
                const FORMAT: Format = Format::$name;

                fn from_value(value: T) -> Self {
                    Self(value)
                }

                fn value(&self) -> &T {
                    &self.0
                }
            }
        )*};
    }
    inputs!(Json Form Query);
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::Problem;

    #[test]
    fn a_problem_is_an_axum_response() {
        let response = IntoResponse::into_response(Problem::new(http::StatusCode::GONE));
        assert_eq!(response.status(), http::StatusCode::GONE);
        assert!(response.extensions().get::<Problem>().is_some());
    }
}
