//! Finishes an answer that a middleware gives in the handler's place, and logs refusals.

use bytes::Bytes;
use http::Response;

use crate::{head, problem::Problem};

/// Logs the answer if it is a refusal, and takes the content from an answer to `HEAD`.
pub(super) fn finish<M>(response: Response<Bytes>, head_only: bool) -> Response<Bytes> {
    finish_as(std::any::type_name::<M>(), response, head_only)
}

/// The same, for a layer with a service of its own.
pub(crate) fn finish_as(
    layer: &str,
    mut response: Response<Bytes>,
    head_only: bool,
) -> Response<Bytes> {
    log_refusal(layer, &response);
    if head_only {
        head::strip_bytes(&mut response);
    }
    response
}

/// One event for a handler's own problem. An error that is no problem is the handler's business.
pub(crate) fn log_problem<R>(response: &Response<R>) {
    if response.extensions().get::<Problem>().is_some() {
        log_refusal("handler", response);
    }
}

/// One event for each refusal: who gave it, its status, and the cause, which the client never
/// sees.
#[cfg(feature = "tracing")]
pub(crate) fn log_refusal<R>(layer: &str, response: &Response<R>) {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return;
    }
    let problem = response.extensions().get::<Problem>();
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
pub(crate) const fn log_refusal<R>(_: &str, _: &Response<R>) {}
