//! Checks of an application that need more than the value: a name that must be unique, for example.

use std::{borrow::Cow, fmt, future::Future, pin::Pin};

use super::{
    encoding::Encoding,
    errors::{ErrorList, InputError},
    input_set::InputType,
    trace::PathSegment,
};
use crate::{contract::description::InputSource, wire::Problem};

/// A check that is in progress.
pub(super) type CheckFuture = Pin<Box<dyn Future<Output = Result<FieldErrors, Problem>> + Send>>;

/// What a check finds wrong with an input: see [`Validation::check`](crate::Validation::check).
#[derive(Default)]
#[must_use]
pub struct FieldErrors(Vec<FoundError>);

struct FoundError {
    source: Option<InputSource>,
    pointer: Cow<'static, str>,
    code: &'static str,
    detail: Cow<'static, str>,
}

impl FieldErrors {
    /// Nothing is wrong.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// One error: where it is, its code for programs, and what is wrong.
    ///
    /// The place is a JSON pointer in the names of the client (`/items/0/price`), or the name of a
    /// parameter behind a `/`. It is in the body, or in the only input.
    pub fn at(
        pointer: impl Into<Cow<'static, str>>,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::none().and_at(pointer, code, detail)
    }

    /// Adds an error.
    pub fn and_at(
        mut self,
        pointer: impl Into<Cow<'static, str>>,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.push(FoundError {
            source: None,
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        });
        self
    }

    /// The part of the request that the error added last is in.
    pub fn in_part(mut self, source: InputSource) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.source = Some(source);
        }
        self
    }

    /// Adds the errors to a list. `body` is how the body is encoded, if there is one.
    pub(super) fn list(self, inputs: &[InputType], body: Option<Encoding>, list: &mut ErrorList) {
        let encodings: Vec<_> = inputs
            .iter()
            .map(|input| match (Encoding::only(input.format), body) {
                (encoding, Some(body)) if encoding.source() == InputSource::Body => body,
                (encoding, _) => encoding,
            })
            .collect();
        for error in self.0 {
            let source = error.source.unwrap_or(InputSource::Body);
            let mut all = encodings.iter();
            let found = all.find(|encoding| encoding.source() == source);
            let Some(encoding) = found.or_else(|| encodings.first()) else {
                continue;
            };
            list.add(InputError {
                encoding: *encoding,
                message: error.detail,
                path: segments(&error.pointer),
                code: error.code.into(),
            });
        }
    }
}

/// The segments of a JSON pointer (RFC 6901, section 4).
fn segments(pointer: &str) -> Vec<PathSegment> {
    let mut segments = pointer.split('/');
    let first = segments.next().filter(|first| !first.is_empty());
    let segments = first.into_iter().chain(segments);
    let segments = segments.map(|segment| match segment.parse() {
        Ok(index) => PathSegment::Index(index),
        Err(_) => PathSegment::Key(segment.replace("~1", "/").replace("~0", "~")),
    });
    segments.collect()
}

impl fmt::Debug for FieldErrors {
    /// Without the details: they may quote values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.0.iter().map(|error| (&error.pointer, error.code));
        f.debug_map().entries(places).finish()
    }
}
