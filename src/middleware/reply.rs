//! Finishes an answer that a middleware gives in the handler's place.

use bytes::Bytes;
use http::{Extensions, HeaderValue, Response, StatusCode, header::CONTENT_LENGTH};

use crate::problem::Problem;

/// An answer that is ready to go.
pub(super) struct Reply(Response<Bytes>);

impl Reply {
    /// Logs the answer if it is a refusal. An answer to `HEAD` keeps its fields, says how long
    /// its content would have been, and has none (RFC 9110, section 9.3.2).
    pub(super) fn new<M>(mut response: Response<Bytes>, head_only: bool) -> Self {
        log_refusal(
            std::any::type_name::<M>(),
            response.status(),
            response.extensions(),
        );
        if head_only && !response.body().is_empty() {
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
            response.body_mut().clear();
        }
        Self(response)
    }

    pub(super) fn into_response<R: From<Bytes>>(self) -> Response<R> {
        self.0.map(R::from)
    }
}

/// One event for a handler's own problem. An error that is no problem is the handler's business.
pub(crate) fn log_problem<R>(response: &Response<R>) {
    if response.extensions().get::<Problem>().is_some() {
        log_refusal("handler", response.status(), response.extensions());
    }
}

/// One event for each refusal: who gave it, its status, and the cause, which the client never
/// sees.
#[cfg(feature = "tracing")]
fn log_refusal(layer: &str, status: StatusCode, extensions: &Extensions) {
    if !status.is_client_error() && !status.is_server_error() {
        return;
    }
    let problem = extensions.get::<Problem>();
    let reason = problem.map(tracing::field::display);
    let cause = problem
        .and_then(Problem::cause)
        .map(tracing::field::display);
    let status = status.as_u16();
    if status >= 500 {
        tracing::error!(target: "wythe", layer, status, reason, cause, "refused");
    } else {
        tracing::debug!(target: "wythe", layer, status, reason, cause, "refused");
    }
}

#[cfg(not(feature = "tracing"))]
const fn log_refusal(_: &str, _: StatusCode, _: &Extensions) {}
