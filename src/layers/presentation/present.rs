//! Writes a refusal anew.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, response::Parts};

use super::{Asked, Presentation, Renderer, panic::catch, refusal::forget_body};
use crate::wire::{PROBLEM_JSON, Problem};

/// Writes the refusal of one request.
pub(super) struct Present {
    renderer: Option<(Renderer, Asked)>,
    head: bool,
}

impl Present {
    pub(super) fn new<B>(presentation: &Presentation, request: &Request<B>) -> Self {
        let renderer = presentation.renderer.clone();
        Self {
            renderer: renderer.map(|renderer| (renderer, Asked::of(request))),
            head: *request.method() == Method::HEAD,
        }
    }

    /// A response that carries a problem.
    pub(super) fn problem<R: From<Bytes>>(
        &self,
        response: Response<R>,
        problem: &Problem,
    ) -> Response<R> {
        if self.renderer.is_none() {
            return response;
        }
        self.rewrite(response.into_parts().0, problem, true)
    }

    /// A response that has no more than a status.
    pub(super) fn silent<R: From<Bytes>>(&self, mut head: Parts) -> Response<R> {
        // An empty body in the answer to HEAD may stand for one that GET would get.
        let length = head.headers.get(header::CONTENT_LENGTH);
        let whole = length.is_none_or(|length| length == "0");
        let problem = of_status(head.status);
        head.extensions.insert(problem.clone());
        self.rewrite(head, &problem, whole)
    }

    /// A response of plain text; without the text if it was not read.
    pub(super) fn text<R: From<Bytes>>(
        &self,
        mut head: Parts,
        text: Option<Vec<u8>>,
    ) -> Response<R> {
        let text = text.and_then(|text| String::from_utf8(text).ok());
        let mut problem = of_status(head.status);
        let mut whole = true;
        // 5xx, and whatever lies beyond.
        if head.status.as_u16() >= 500 {
            log_text(head.status, text.as_deref());
        } else if let Some(text) = text.filter(|text| !text.is_empty()) {
            problem = problem.detail(text);
        } else {
            // An empty body in the answer to HEAD may stand for a text that GET would get.
            whole = false;
        }
        head.extensions.insert(problem.clone());
        self.rewrite(head, &problem, whole)
    }

    /// The answer in place of a panic.
    pub(super) fn panicked<R: From<Bytes>>(&self) -> Response<R> {
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = StatusCode::INTERNAL_SERVER_ERROR;
        self.silent(head)
    }

    /// The response with another body. `whole` says that GET would get the very same body.
    fn rewrite<R: From<Bytes>>(
        &self,
        mut head: Parts,
        problem: &Problem,
        whole: bool,
    ) -> Response<R> {
        let (media_type, body) = self.render(problem);
        forget_body(&mut head.headers);
        head.headers.insert(header::CONTENT_TYPE, media_type);
        if !self.head {
            return Response::from_parts(head, R::from(body));
        }
        if whole {
            // RFC 9110, section 8.6: in the answer to HEAD, only the length that GET would have.
            head.headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        Response::from_parts(head, R::from(Bytes::new()))
    }

    fn render(&self, problem: &Problem) -> (HeaderValue, Bytes) {
        self.renderer
            .as_ref()
            .and_then(|(renderer, asked)| catch(|| renderer(problem, asked)))
            .unwrap_or_else(|| (PROBLEM_JSON, problem.to_json()))
    }
}

/// A problem that says no more than its status does. Those that everybody gets are rendered once.
fn of_status(status: StatusCode) -> Problem {
    static NOT_FOUND: LazyLock<Problem> = LazyLock::new(|| StatusCode::NOT_FOUND.into());
    static WRONG_METHOD: LazyLock<Problem> =
        LazyLock::new(|| StatusCode::METHOD_NOT_ALLOWED.into());
    static INTERNAL: LazyLock<Problem> = LazyLock::new(|| StatusCode::INTERNAL_SERVER_ERROR.into());
    match status {
        StatusCode::NOT_FOUND => NOT_FOUND.clone(),
        StatusCode::METHOD_NOT_ALLOWED => WRONG_METHOD.clone(),
        StatusCode::INTERNAL_SERVER_ERROR => INTERNAL.clone(),
        other => other.into(),
    }
}

/// What a server error says in plain text is for the log.
#[cfg(feature = "tracing")]
fn log_text(status: StatusCode, text: Option<&str>) {
    let status = status.as_u16();
    tracing::error!(target: "wythe", layer = "with_presentation", status, text, "server error");
}

#[cfg(not(feature = "tracing"))]
const fn log_text(_: StatusCode, _: Option<&str>) {}
