//! Catches a panic, and puts what it says into the log.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs `work`; a panic in it is logged and becomes `None`.
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    // What may be broken after a panic is the inner service or its future. The caller drops the
    // future at once, and the page of `with_presentation` says what holds for the service.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(payload) => {
            log(&*payload);
            None
        }
    }
}

#[cfg(feature = "tracing")]
fn log(payload: &(dyn Any + Send)) {
    // `panic!("..")` has a `&str` when there is nothing to format, else a `String`.
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("(not a text)");
    tracing::error!(target: "wythe", layer = "with_presentation", status = 500, panic = message, "panicked");
}

#[cfg(not(feature = "tracing"))]
fn log(_: &(dyn Any + Send)) {}
