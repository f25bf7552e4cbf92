//! Answers whose status is part of their type: [`Created`], [`Accepted`], [`NoContent`].

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

/// 201 with a value in JSON, and where the new resource is (RFC 9110, section 15.3.2).
///
/// # Example
///
/// ```
/// use axum::response::IntoResponse;
/// use http::{StatusCode, header};
/// use wythe::Created;
///
/// #[derive(serde::Serialize)]
/// struct User {
///     id: u64,
/// }
///
/// async fn create() -> Created<User> {
///     Created::at("/users/7", User { id: 7 })
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let response = create().await.into_response();
/// assert_eq!(response.status(), StatusCode::CREATED);
/// assert_eq!(response.headers()[header::LOCATION], "/users/7");
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Created<T> {
    location: Option<HeaderValue>,
    value: T,
}

impl<T> Created<T> {
    /// The resource has the URI of the request.
    pub const fn new(value: T) -> Self {
        Self {
            location: None,
            value,
        }
    }

    /// The resource has this URI, or this path. Characters that a URI can't have, such as spaces, are
    /// percent-encoded.
    pub fn at(location: impl AsRef<str>, value: T) -> Self {
        /// What a URI never has (RFC 3986, section 2).
        const NOT_IN_URIS: AsciiSet = CONTROLS
            .add(b' ')
            .add(b'"')
            .add(b'<')
            .add(b'>')
            .add(b'\\')
            .add(b'^')
            .add(b'`')
            .add(b'{')
            .add(b'|')
            .add(b'}');
        let location = utf8_percent_encode(location.as_ref(), &NOT_IN_URIS).to_string();
        Self {
            // Only visible ASCII is left.
            location: HeaderValue::try_from(location).ok(),
            value,
        }
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, Json(self.value)).into_response();
        // Not if the value could not be written.
        if let Some(location) = self.location
            && response.status() == StatusCode::CREATED
        {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

/// 202 with a value in JSON: the work is not done yet (RFC 9110, section 15.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "handlers write it")]
#[must_use]
pub struct Accepted<T>(pub T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

/// 204: done, and there is no content (RFC 9110, section 15.3.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "handlers write it")]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}
