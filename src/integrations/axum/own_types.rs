//! axum's traits for the types of this crate: cookies, validators, responses and validated inputs.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use crate::{
    contract::log_passing,
    wire::{BoxError, Problem, RequestBody},
};

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // The inherent function, which has the same name.
        let mut response = Self::into_response(self).map(Body::from);
        log_passing(&mut response);
        response
    }
}

impl RequestBody for Body {
    fn from_stream<S>(stream: S) -> Self
    where
        S: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
    {
        Self::new(stream)
    }
}

/// Types that add fields to a response: beside a body, or as an empty response.
#[cfg(any(feature = "conditional", feature = "cookies", feature = "session"))]
macro_rules! fields {
    ($($name:ty: $add:ident;)*) => {$(
        impl axum::response::IntoResponseParts for $name {
            type Error = std::convert::Infallible;

            fn into_response_parts(
                self,
                mut response: axum::response::ResponseParts,
            ) -> Result<axum::response::ResponseParts, Self::Error> {
                self.$add(response.headers_mut());
                Ok(response)
            }
        }

        /// An empty response with the field.
        impl IntoResponse for $name {
            fn into_response(self) -> Response {
                (self, ()).into_response()
            }
        }
    )*};
}

#[cfg(feature = "session")]
fields! {
    crate::layers::auth::session::SessionCookie: append_to;
}

#[cfg(feature = "cookies")]
fields! {
    crate::wire::cookies::set_cookie::SetCookie: append_to;
}

#[cfg(feature = "conditional")]
fields! {
    crate::wire::field::entity_tag::ETag: insert_into;
    crate::layers::conditional::validators::LastModified: insert_into;
}

#[cfg(feature = "cookies")]
mod cookies {
    use std::convert::Infallible;

    use axum::extract::FromRequestParts;
    use http::request::Parts;

    use crate::wire::cookies::request::Cookies;

    impl<S: Sync> FromRequestParts<S> for Cookies {
        type Rejection = Infallible;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
            Ok(Self::of(&parts.headers))
        }
    }
}

/// axum's wrappers are inputs of `with_validation`.
#[cfg(feature = "validation")]
mod inputs {
    use axum::{Form, Json, extract::Query};

    use crate::layers::validation::{Format, input::Input};

    macro_rules! inputs {
        ($($name:ident)*) => {$(
            #[diagnostic::do_not_recommend]
            impl<T: Send + 'static> Input for $name<T> {
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
