//! The parameters of the path: matched by an `Api`, which keeps them as they were sent, or by
//! axum's router, which has decoded them.

use std::{
    borrow::Cow,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use axum::extract::{
    FromRequestParts, MatchedPath, RawPathParams, rejection::RawPathParamsRejection,
};
use http::{StatusCode, request::Parts};
use percent_encoding::percent_decode_str;

use crate::wire::Problem;

/// In the extensions of a request: the parameters of the path that an `Api` has matched.
#[derive(Clone)]
pub(crate) struct PathParams {
    names: Arc<[Box<str>]>,
    /// The values as they were sent, joined with `/`. Only the last one can contain a `/`.
    values: Box<str>,
}

impl PathParams {
    /// The names of a route, and the values in the same order: at least one, and all of them together
    /// as long as `length`.
    pub(crate) fn new<'a>(
        names: &Arc<[Box<str>]>,
        values: impl Iterator<Item = &'a str>,
        length: usize,
    ) -> Self {
        let slashes = names.len().saturating_sub(1);
        let mut joined = String::with_capacity(length + slashes);
        for (place, value) in values.enumerate() {
            // Any value but the last one can be empty.
            if place > 0 {
                joined.push('/');
            }
            joined.push_str(value);
        }
        Self {
            names: Arc::clone(names),
            values: joined.into_boxed_str(),
        }
    }

    /// The names, and the values as they were sent.
    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.values.splitn(self.names.len(), '/');
        self.names.iter().map(|name| &**name).zip(values)
    }
}

/// Calls `read` with the names of the parameters and their decoded values; `None` if no route has
/// matched.
///
/// # Errors
///
/// 400: a value is not UTF-8.
pub(crate) fn with_path_params<T>(
    head: &mut Parts,
    read: impl FnOnce(&[(&str, Cow<'_, str>)]) -> T,
) -> Result<Option<T>, Problem> {
    if let Some(matched) = head.extensions.get::<PathParams>() {
        return Ok(Some(match &*matched.names {
            // Most routes have one parameter; it needs no vector.
            [name] => read(&[(name, decode(&matched.values)?)]),
            _ => {
                let params = matched.iter();
                let params = params.map(|(name, value)| Ok((name, decode(value)?)));
                read(&params.collect::<Result<Vec<_>, Problem>>()?)
            }
        }));
    }
    let has_route = head.extensions.get::<MatchedPath>().is_some();
    // axum's extractor is a future that never waits.
    let found = pin!(RawPathParams::from_request_parts(head, &()));
    match found.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(matched)) => {
            let params = matched.iter();
            let params: Vec<_> = params
                .map(|(name, value)| (name, Cow::Borrowed(value)))
                .collect();
            Ok(Some(read(&params)))
        }
        Poll::Ready(Err(RawPathParamsRejection::InvalidUtf8InPathParam(_))) => {
            Err(malformed_path())
        }
        // An `Api` has matched a route without parameters.
        _ if has_route => Ok(Some(read(&[]))),
        Poll::Ready(Err(_)) | Poll::Pending => Ok(None),
    }
}

fn decode(value: &str) -> Result<Cow<'_, str>, Problem> {
    let decoded = percent_decode_str(value).decode_utf8().ok();
    decoded.ok_or_else(malformed_path)
}

#[cold]
pub(crate) fn malformed_path() -> Problem {
    let problem = Problem::new(StatusCode::BAD_REQUEST).reason("malformed_path");
    problem.detail("A parameter of the path is not valid UTF-8.")
}
