//! Finishes an answer that a middleware gives in the handler's place, and logs refusals.

use bytes::Bytes;
use http::Response;
#[cfg(feature = "tracing")]
use http::StatusCode;

use crate::wire::{Problem, head_method};

/// Logs the answer of a layer if it is a refusal, and takes the content from an answer to `HEAD`.
pub(crate) fn finish(
    layer: &str,
    mut response: Response<Bytes>,
    head_only: bool,
) -> Response<Bytes> {
    log_refusal(layer, &response);
    if head_only {
        head_method::strip_bytes(&mut response);
    }
    response
}

/// One event for a handler's own problem. Other errors are not logged here.
pub(crate) fn log_problem<R>(response: &Response<R>) {
    if response.extensions().get::<Problem>().is_some() {
        log_refusal("handler", response);
    }
}

/// One event for each refusal: who gave it, its status, why, and the cause, which the client never
/// sees.
#[cfg(feature = "tracing")]
pub(crate) fn log_refusal<R>(layer: &str, response: &Response<R>) {
    use tracing::{Level, field::display};

    // The level of an event is a constant.
    macro_rules! refused {
        ($level:ident $($field:ident)*) => {
            tracing::$level!(target: "wythe", layer, $($field,)* "refused")
        };
    }
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return;
    }
    let problem = response.extensions().get::<Problem>();
    let scheme = problem.and_then(Problem::scheme_name);
    let reason = problem.and_then(Problem::reason_code);
    let detail = problem.and_then(Problem::explanation);
    let cause = problem.and_then(Problem::cause).map(display);
    let level = level(problem, status);
    let status = status.as_u16();
    match level {
        Level::ERROR => refused!(error status scheme reason detail cause),
        Level::WARN => refused!(warn status scheme reason detail cause),
        _ => refused!(debug status scheme reason detail cause),
    }
}

/// Who should look at it: nobody at what clients did wrong, nor at what is part of normal operation.
#[cfg(feature = "tracing")]
fn level(problem: Option<&Problem>, status: StatusCode) -> tracing::Level {
    match problem {
        Some(problem) => problem.level(),
        None if status.is_server_error() => tracing::Level::ERROR,
        None => tracing::Level::DEBUG,
    }
}

#[cfg(not(feature = "tracing"))]
pub(crate) const fn log_refusal<R>(_: &str, _: &Response<R>) {}
