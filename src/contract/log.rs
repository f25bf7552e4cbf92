//! The log: one event for each refusal, and for each other response with a status of 500 or more.
//!
//! The first service of this crate that sees an error response on its way out logs it and marks it, so
//! that those further out do not log it again. A [`Problem`] carries the mark itself; any other
//! response carries it in its extensions.

use std::{
    cell::Cell,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Extensions, Response, StatusCode};

use crate::wire::{Problem, head_method};

/// The name in the log of whatever answers inside the layers of this crate.
const HANDLER: &str = "handler";

/// Logs the answer of a layer if it is an error, and removes the content from an answer to `HEAD`.
pub(crate) fn finish(
    layer: &'static str,
    mut response: Response<Bytes>,
    head_only: bool,
) -> Response<Bytes> {
    log_refusal(layer, &mut response);
    if head_only {
        head_method::strip_bytes(&mut response);
    }
    response
}

/// Logs an error response that `layer` has given, unless it is logged already.
pub(crate) fn log_refusal<R>(layer: &'static str, response: &mut Response<R>) {
    let status = response.status();
    if status.as_u16() >= 400 && mark_as_logged(response.extensions_mut()) {
        let problem = response.extensions().get();
        event::refused(layer, status, problem);
        #[cfg(feature = "metrics")]
        count(layer, status, problem.and_then(Problem::reason_code));
        if let Some(cause) = problem.and_then(Problem::misconfiguration) {
            print_without_subscriber(layer, &format!("answers 500, because {cause}"));
        }
    }
}

/// Logs an error response from further in, unless it is logged already: every problem, and any other
/// response with a status of 500 or more.
#[inline]
pub(crate) fn log_passing<R>(response: &mut Response<R>) {
    if response.status().as_u16() >= 400 {
        log_error_inside(response);
    }
}

#[cold]
fn log_error_inside<R>(response: &mut Response<R>) {
    let problem = response.extensions().get::<Problem>();
    if let Some(problem) = problem {
        if !problem.is_logged() {
            log_refusal(HANDLER, response);
        }
    } else if !IS_PRESENTED.get() {
        log_server_error(response.status(), response.extensions_mut(), None);
    }
}

/// Logs a response with a status of 500 or more that is not a problem, unless it is logged already.
/// Its cause is not known, except for the text that it had for the client.
pub(crate) fn log_server_error(
    status: StatusCode,
    extensions: &mut Extensions,
    text: Option<&str>,
) {
    if status.as_u16() >= 500 && mark_as_logged(extensions) {
        event::server_error(HANDLER, status, text);
        #[cfg(feature = "metrics")]
        count(HANDLER, status, None);
    }
}

/// The name of the counter of refusals.
#[cfg(feature = "metrics")]
pub(crate) const REFUSALS: &str = "wythe_refusals_total";

/// Counts a refusal where it is logged, whatever the level of the log. Reasons and names of layers are
/// written in programs, so clients can't make up new ones.
#[cfg(feature = "metrics")]
fn count(layer: &'static str, status: StatusCode, reason: Option<&'static str>) {
    let reason = reason.unwrap_or("none");
    let status = status.as_str().to_owned();
    metrics::counter!(REFUSALS, "layer" => layer, "reason" => reason, "status" => status)
        .increment(1);
}

/// Marks a response as logged; `false` if it was marked already.
pub(crate) fn mark_as_logged(extensions: &mut Extensions) -> bool {
    #[derive(Clone)]
    struct Logged;

    match extensions.get_mut() {
        Some(problem) => Problem::mark_as_logged(problem),
        None => extensions.insert(Logged).is_none(),
    }
}

thread_local! {
    /// Whether this poll is part of [`presented`].
    static IS_PRESENTED: Cell<bool> = const { Cell::new(false) };
}

/// Polls the service inside a presentation. Services in there leave the errors that are not problems
/// to the presentation, which reads their text. (In a task of its own a service does not know of the
/// presentation, and logs them itself.) `poll` does not panic.
pub(crate) fn presented<T>(poll: impl FnOnce() -> T) -> T {
    let outer = IS_PRESENTED.replace(true);
    let polled = poll();
    IS_PRESENTED.set(outer);
    polled
}

/// Reports that a layer can't do all of its work, although it refuses nothing, because something is missing
/// in the set-up of the server. The layer calls it once.
pub(crate) fn report_set_up(layer: &'static str, effect: &str, cause: &str) {
    event::incomplete(layer, effect, cause);
    print_without_subscriber(layer, &format!("{effect}, because {cause}"));
}

/// Prints what is missing in the set-up of the server to stderr, once for each message, if the program
/// has no subscriber that would show the event.
fn print_without_subscriber(layer: &str, message: &str) {
    static PRINTED: Mutex<Vec<String>> = Mutex::new(Vec::new());
    // There are few causes, because clients do not choose them; the bound makes sure.
    const MAX_PRINTED: usize = 32;

    #[cfg(feature = "tracing")]
    if tracing::dispatcher::has_been_set() {
        return;
    }
    let message = format!("wythe: `{layer}` {message}");
    {
        let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
        if printed.len() >= MAX_PRINTED || printed.contains(&message) {
            return;
        }
        printed.push(message.clone());
    }
    // A closed stderr is no reason to fail the request.
    drop(writeln!(io::stderr(), "{message}"));
}

#[cfg(feature = "tracing")]
mod event {
    use http::StatusCode;
    use tracing::{Level, field::display};

    use crate::wire::Problem;

    /// Which layer answered, with which status, why, and the cause, which the client does not get.
    pub(super) fn refused(layer: &str, status: StatusCode, problem: Option<&Problem>) {
        // The level of an event is a constant.
        macro_rules! refused {
            ($level:ident $($field:ident)*) => {
                tracing::$level!(target: "wythe", layer, $($field,)* "refused")
            };
        }
        let scheme = problem.and_then(Problem::scheme_name);
        let reason = problem.and_then(Problem::reason_code);
        let detail = problem.and_then(Problem::explanation);
        let cause = problem.and_then(Problem::cause).map(display);
        // Nobody has to act on what clients did wrong, or on what is part of normal operation.
        let level = match problem {
            Some(problem) => problem.level(),
            None if status.is_client_error() => Level::DEBUG,
            None => Level::ERROR,
        };
        let status = status.as_u16();
        match level {
            Level::ERROR => refused!(error status scheme reason detail cause),
            Level::WARN => refused!(warn status scheme reason detail cause),
            _ => refused!(debug status scheme reason detail cause),
        }
    }

    pub(super) fn incomplete(layer: &str, effect: &str, cause: &str) {
        tracing::warn!(target: "wythe", layer, cause, "{effect}");
    }

    pub(super) fn server_error(layer: &str, status: StatusCode, text: Option<&str>) {
        let status = status.as_u16();
        tracing::error!(target: "wythe", layer, status, text, "server error");
    }
}

#[cfg(not(feature = "tracing"))]
mod event {
    use http::StatusCode;

    use crate::wire::Problem;

    pub(super) const fn refused(_: &str, _: StatusCode, _: Option<&Problem>) {}

    pub(super) const fn incomplete(_: &str, _: &str, _: &str) {}

    pub(super) const fn server_error(_: &str, _: StatusCode, _: Option<&str>) {}
}
