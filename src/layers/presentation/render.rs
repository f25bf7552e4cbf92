//! Decides which error responses are rewritten, and rewrites them; catches and logs panics.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::LazyLock,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, response::Parts,
};
use http_body::Body;

#[cfg(feature = "tracing")]
use super::layer::NAME;
use super::{
    grpc,
    layer::{Presentation, Rendered, Renderer, RequestInfo},
    page::{HTML, HtmlTemplate, prefers_html},
};
use crate::{
    contract::{log_passing, log_server_error, mark_as_logged},
    wire::{PROBLEM_JSON, Problem, field::vary},
};
#[cfg(feature = "request-id")]
use crate::{request::RequestId, wire::add_request_id};

/// The longest text that becomes the detail of a problem.
const MAX_TEXT: u64 = 8 * 1024;

/// The form of an error response.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Not an error, or an error in the application's own format.
    Own,
    /// A problem.
    Problem(Problem),
    /// A status and nothing else.
    StatusOnly,
    /// Plain text, of this length if it can be read.
    Text(Option<usize>),
}

impl Refusal {
    pub(super) fn of<R: Body>(response: &Response<R>) -> Self {
        if response.status().as_u16() < 400 {
            return Self::Own;
        }
        if let Some(problem) = response.extensions().get::<Problem>() {
            return Self::Problem(problem.clone());
        }
        let length = response.body().size_hint().exact();
        let is_encoded = response.headers().contains_key(header::CONTENT_ENCODING);
        match response.headers().get(header::CONTENT_TYPE) {
            None if length == Some(0) || response.body().is_end_stream() => Self::StatusOnly,
            Some(media_type) if Problem::is_plain_text(media_type) => Self::Text(
                length
                    .filter(|length| *length <= MAX_TEXT && !is_encoded)
                    .and_then(|length| usize::try_from(length).ok()),
            ),
            _ => Self::Own,
        }
    }
}

/// Renders the refusal of one request.
pub(super) struct Present {
    renderer: Option<(Renderer, RequestInfo)>,
    /// For a client that prefers HTML.
    page: Option<HtmlTemplate>,
    /// The form depends on `Accept`.
    varies: bool,
    #[cfg(feature = "request-id")]
    id: Option<RequestId>,
    head: bool,
    /// A call of gRPC, which is answered as one.
    grpc: bool,
}

impl Present {
    pub(super) fn new<B>(presentation: &Presentation, request: &Request<B>) -> Self {
        let renderer = presentation.renderer.clone();
        Self {
            renderer: renderer.map(|renderer| (renderer, RequestInfo::of(request))),
            page: presentation
                .page
                .as_ref()
                .filter(|_| prefers_html(request.headers()))
                .cloned(),
            varies: presentation.page.is_some(),
            #[cfg(feature = "request-id")]
            id: request.extensions().get().cloned(),
            head: *request.method() == Method::HEAD,
            grpc: presentation.grpc && grpc::is_call(request.headers()),
        }
    }

    /// An error in the application's own format.
    pub(super) fn own_format<R>(mut response: Response<R>) -> Response<R> {
        log_server_error(response.status(), response.extensions_mut(), None);
        response
    }

    /// A response that carries a problem.
    pub(super) fn problem<R: Body + From<Bytes>>(
        &self,
        mut response: Response<R>,
        problem: &Problem,
    ) -> Response<R> {
        log_passing(&mut response);
        if self.renderer.is_none() && self.page.is_none() && !self.grpc {
            if self.varies {
                vary::add(response.headers_mut(), "accept");
            }
            #[cfg(feature = "request-id")]
            if let Some(id) = &self.id {
                add_request_id(&mut response, id.as_str());
            }
            return response;
        }
        self.rewrite(response.into_parts().0, problem, true)
    }

    /// A response with a status and nothing else.
    pub(super) fn status_only<R: From<Bytes>>(&self, mut head: Parts) -> Response<R> {
        log_server_error(head.status, &mut head.extensions, None);
        // The response to HEAD may be empty where the response to GET is not.
        let length = head.headers.get(header::CONTENT_LENGTH);
        let is_body_of_get = length.is_none_or(|length| length == "0");
        let problem = of_status(head.status);
        self.replace(head, &problem, is_body_of_get)
    }

    /// A plain-text response; without the text if it was not read.
    pub(super) fn text<R: From<Bytes>>(
        &self,
        mut head: Parts,
        text: Option<Vec<u8>>,
    ) -> Response<R> {
        let text = text.and_then(|text| String::from_utf8(text).ok());
        let mut problem = of_status(head.status);
        let mut is_body_of_get = true;
        // 5xx and higher.
        if head.status.as_u16() >= 500 {
            log_server_error(head.status, &mut head.extensions, text.as_deref());
        } else if let Some(text) = text.filter(|text| !text.is_empty()) {
            problem = problem.detail(text);
        } else {
            // The response to HEAD may be empty where the response to GET has a text.
            is_body_of_get = false;
        }
        self.replace(head, &problem, is_body_of_get)
    }

    /// The response after a panic, which is logged.
    pub(super) fn panicked<R: From<Bytes>>(&self) -> Response<R> {
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = StatusCode::INTERNAL_SERVER_ERROR;
        mark_as_logged(&mut head.extensions);
        self.status_only(head)
    }

    /// The response as a problem. A 5xx has been logged, and a 4xx that is not the problem of a handler
    /// is not logged.
    fn replace<R: From<Bytes>>(
        &self,
        mut head: Parts,
        problem: &Problem,
        is_body_of_get: bool,
    ) -> Response<R> {
        head.extensions.insert(problem.clone());
        mark_as_logged(&mut head.extensions);
        self.rewrite(head, problem, is_body_of_get)
    }

    /// The response with another body. `is_body_of_get` says that GET would get the same body.
    fn rewrite<R: From<Bytes>>(
        &self,
        mut head: Parts,
        problem: &Problem,
        is_body_of_get: bool,
    ) -> Response<R> {
        #[cfg(feature = "request-id")]
        if let Some(problem) = head.extensions.get_mut::<Problem>() {
            problem.keep_body();
        }
        remove_body_fields(&mut head.headers);
        if self.grpc {
            return grpc::trailers_only(head, problem);
        }
        let Rendered {
            status,
            media_type,
            body,
        } = self.render(problem);
        head.status = status.unwrap_or(head.status);
        head.headers.insert(header::CONTENT_TYPE, media_type);
        if self.varies {
            vary::add(&mut head.headers, "accept");
        }
        if !self.head {
            return Response::from_parts(head, R::from(body));
        }
        if is_body_of_get {
            // RFC 9110, section 8.6: the response to HEAD has the length of the response to GET.
            head.headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        Response::from_parts(head, R::from(Bytes::new()))
    }

    fn render(&self, problem: &Problem) -> Rendered {
        if let Some(page) = &self.page {
            #[cfg(feature = "request-id")]
            let id = self.id.as_ref().map(RequestId::as_str);
            #[cfg(not(feature = "request-id"))]
            let id = None;
            return (HTML, page.render(problem, id)).into();
        }
        #[cfg(feature = "request-id")]
        let with_id;
        #[cfg(feature = "request-id")]
        let problem = match (&self.id, &self.renderer) {
            (Some(id), Some(_)) => {
                with_id = problem.with_request_id(id.as_str());
                &with_id
            }
            (Some(id), None) => {
                return (PROBLEM_JSON, problem.to_json_with_request_id(id.as_str())).into();
            }
            (None, _) => problem,
        };
        self.renderer
            .as_ref()
            .and_then(|(renderer, request)| {
                catch("the renderer panicked", None, || renderer(problem, request))
            })
            .unwrap_or_else(|| (PROBLEM_JSON, problem.to_json()).into())
    }
}

/// A problem with a status and nothing else. The common ones are rendered once.
fn of_status(status: StatusCode) -> Problem {
    static NOT_FOUND: LazyLock<Problem> = LazyLock::new(|| StatusCode::NOT_FOUND.into());
    static METHOD_NOT_ALLOWED: LazyLock<Problem> =
        LazyLock::new(|| StatusCode::METHOD_NOT_ALLOWED.into());
    static INTERNAL: LazyLock<Problem> = LazyLock::new(|| StatusCode::INTERNAL_SERVER_ERROR.into());
    match status {
        StatusCode::NOT_FOUND => NOT_FOUND.clone(),
        StatusCode::METHOD_NOT_ALLOWED => METHOD_NOT_ALLOWED.clone(),
        StatusCode::INTERNAL_SERVER_ERROR => INTERNAL.clone(),
        other => other.into(),
    }
}

/// Removes the fields that describe the body that is replaced.
fn remove_body_fields(headers: &mut HeaderMap) {
    const BODY_FIELDS: [&str; 8] = [
        "content-digest",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "repr-digest",
        "trailer",
        "transfer-encoding",
    ];
    for field in BODY_FIELDS {
        headers.remove(field);
    }
}

/// Runs `work`; a panic becomes `None` and is logged, with the status of the response if the panic is
/// the cause of it.
pub(super) fn catch<T>(
    message: &'static str,
    status: Option<StatusCode>,
    work: impl FnOnce() -> T,
) -> Option<T> {
    // A panic may leave the inner service or its future broken. The caller drops the future at
    // once; the module documentation explains what applies to the service.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(payload) => {
            log(message, status, &*payload);
            None
        }
    }
}

#[cfg(feature = "tracing")]
fn log(message: &str, status: Option<StatusCode>, payload: &(dyn Any + Send)) {
    // The payload of `panic!("..")` is a `&str` if nothing is formatted, else a `String`.
    let panic = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("(not text)");
    let status = status.map(|status| status.as_u16());
    tracing::error!(target: "wythe", layer = NAME, status, panic, "{message}");
}

#[cfg(not(feature = "tracing"))]
fn log(_: &str, _: Option<StatusCode>, _: &(dyn Any + Send)) {}
