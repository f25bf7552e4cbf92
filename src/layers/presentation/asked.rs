//! Remembers what a renderer may want to know of the request.

use http::{HeaderValue, Method, Request, Uri, header};

/// What was asked: the part of a request that a renderer sees.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::HeaderValue;
/// use wythe::{PROBLEM_JSON, with_presentation_as};
///
/// let layer = with_presentation_as(|problem, asked| {
///     let browser = asked
///         .accept()
///         .and_then(|accept| accept.to_str().ok())
///         .is_some_and(|accept| accept.contains("text/html"));
///     if !browser {
///         return (PROBLEM_JSON, problem.to_json());
///     }
///     let page = format!("<h1>{}</h1>", problem.status());
///     (HeaderValue::from_static("text/html; charset=utf-8"), Bytes::from(page))
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Asked {
    method: Method,
    uri: Uri,
    accept: Option<HeaderValue>,
    accept_language: Option<HeaderValue>,
}

impl Asked {
    // Clones of a URI and of a field value share the bytes.
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let fields = request.headers();
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            accept: fields.get(header::ACCEPT).cloned(),
            accept_language: fields.get(header::ACCEPT_LANGUAGE).cloned(),
        }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The URI, as this layer saw it. It may hold whatever the client wrote there: escape it.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The first `Accept` field.
    #[must_use]
    pub const fn accept(&self) -> Option<&HeaderValue> {
        self.accept.as_ref()
    }

    /// The first `Accept-Language` field.
    #[must_use]
    pub const fn accept_language(&self) -> Option<&HeaderValue> {
        self.accept_language.as_ref()
    }
}
