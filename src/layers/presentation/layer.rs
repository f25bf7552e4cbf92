//! The layer, and what a renderer sees of a request.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};

use super::page::HtmlTemplate;
#[cfg(feature = "request-id")]
use crate::request::RequestId;
use crate::{
    contract::{Description, Place, Placed, description::Answer, placed, stage},
    request::original_uri,
    wire::Problem,
};

pub(super) const NAME: &str = "with_presentation";

/// Turns every refusal into problem+json, and answers 500 when an inner service panics.
pub const fn with_presentation() -> Placed<Presentation> {
    placed(Presentation {
        renderer: None,
        page: None,
        grpc: false,
    })
}

/// Renders every refusal with a function, and answers 500 when an inner service panics.
///
/// The renderer returns the `Content-Type` and the body, or another status before them: see
/// [`Rendered`]. It is called for refusals only. If it panics, the client gets problem+json.
pub fn with_presentation_as<F, R>(renderer: F) -> Placed<Presentation>
where
    F: Fn(&Problem, &RequestInfo) -> R + Send + Sync + 'static,
    R: Into<Rendered>,
{
    placed(Presentation {
        renderer: Some(Arc::new(move |problem, request| {
            renderer(problem, request).into()
        })),
        page: None,
        grpc: false,
    })
}

pub(super) type Renderer = Arc<dyn Fn(&Problem, &RequestInfo) -> Rendered + Send + Sync>;

/// What a renderer of [`with_presentation_as`] returns: `(content_type, body)`, or
/// `(status, content_type, body)`.
///
/// The status must be that of an error, 400 to 599; otherwise the problem's own is kept, because a
/// refusal is never a success. The log, the metrics of `wythe` and an OpenAPI document have the
/// status of the problem.
///
/// # Example: an application that does not use 422
///
/// ```
/// use bytes::Bytes;
/// use http::{HeaderValue, StatusCode};
/// use wythe::with_presentation_as;
///
/// let layer = with_presentation_as(|problem, _| {
///     let status = match problem.status() {
///         StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
///         status => status,
///     };
///     let body = format!(r#"{{"code":{}}}"#, status.as_u16());
///     (status, HeaderValue::from_static("application/json"), Bytes::from(body))
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Rendered {
    pub(super) status: Option<StatusCode>,
    pub(super) media_type: HeaderValue,
    pub(super) body: Bytes,
}

impl From<(HeaderValue, Bytes)> for Rendered {
    fn from((media_type, body): (HeaderValue, Bytes)) -> Self {
        Self {
            status: None,
            media_type,
            body,
        }
    }
}

impl From<(StatusCode, HeaderValue, Bytes)> for Rendered {
    fn from((status, media_type, body): (StatusCode, HeaderValue, Bytes)) -> Self {
        let is_error = status.is_client_error() || status.is_server_error();
        Self {
            status: is_error.then_some(status),
            media_type,
            body,
        }
    }
}

/// The layer of [`with_presentation`] and [`with_presentation_as`].
#[derive(Clone)]
#[must_use]
pub struct Presentation {
    pub(super) renderer: Option<Renderer>,
    pub(super) page: Option<HtmlTemplate>,
    pub(super) grpc: bool,
}

impl Placed<Presentation> {
    /// Answers clients that prefer HTML to JSON, such as browsers, with a page: see the
    /// [module](crate::presentation).
    pub fn html(self, page: HtmlTemplate) -> Self {
        placed(Presentation {
            page: Some(page),
            ..self.into_inner()
        })
    }

    /// Answers gRPC calls, whose `Content-Type` is `application/grpc`, with a gRPC status: see the
    /// [module](crate::presentation).
    pub fn grpc(self) -> Self {
        placed(Presentation {
            grpc: true,
            ..self.into_inner()
        })
    }
}

impl fmt::Debug for Presentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.renderer {
            None => "Presentation(problem+json)",
            Some(_) => "Presentation(renderer)",
        })
    }
}

impl Place for Presentation {
    type Stage = stage::Present;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let panicked = Answer::new(StatusCode::INTERNAL_SERVER_ERROR);
        let layer = Description::new(self.name()).makes_problems();
        let layer = layer.answer(panicked.when("when an inner service panics"));
        let layer = match self.page {
            None => layer,
            Some(_) => layer.makes_pages().field(header::VARY),
        };
        match self.renderer {
            None => layer,
            Some(_) => layer.renders_refusals(),
        }
    }
}

/// The part of a request that a renderer sees.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::HeaderValue;
/// use wythe::{PROBLEM_JSON, with_presentation_as};
///
/// let layer = with_presentation_as(|problem, request| {
///     let browser = request
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
pub struct RequestInfo {
    method: Method,
    uri: Uri,
    accept: Option<HeaderValue>,
    accept_language: Option<HeaderValue>,
    #[cfg(feature = "request-id")]
    id: Option<RequestId>,
}

impl RequestInfo {
    // Clones of a URI and of a field value share their bytes.
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let fields = request.headers();
        Self {
            method: request.method().clone(),
            uri: original_uri(request.uri(), request.extensions()).clone(),
            accept: fields.get(header::ACCEPT).cloned(),
            accept_language: fields.get(header::ACCEPT_LANGUAGE).cloned(),
            #[cfg(feature = "request-id")]
            id: request.extensions().get().cloned(),
        }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The full URI, as the client has sent it, even in a nested router. The client chooses it, so
    /// escape it where you print it.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The id of the request, if [`with_request_id`](crate::with_request_id) is outside. The problem
    /// has it as its member `request_id`.
    #[cfg(feature = "request-id")]
    #[must_use]
    pub const fn request_id(&self) -> Option<&RequestId> {
        self.id.as_ref()
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
