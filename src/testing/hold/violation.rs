//! Where a response does not conform to the document: [`Violation`].

use std::fmt;

use bytes::Bytes;
use http::StatusCode;

/// How many characters of a body are shown.
const EXCERPT: usize = 300;

/// A response that does not conform to the document; found by [`Holding`](super::Holding).
///
/// [`Display`](fmt::Display) names the operation and the status, says what is wrong, and shows the
/// beginning of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub(super) operation: String,
    pub(super) status: StatusCode,
    pub(super) kind: ViolationKind,
    pub(super) text: String,
    pub(super) excerpt: String,
}

/// What kind of [`Violation`] it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ViolationKind {
    /// The status is not declared.
    UndeclaredStatus,
    /// The media type is not declared, or the response has content without `Content-Type`.
    UndeclaredMediaType,
    /// The response has content, and none is declared.
    UndeclaredContent,
    /// The response has no content, and some is declared.
    MissingContent,
    /// A required header field is absent.
    MissingField,
    /// The content is not JSON, although its media type says so.
    NotJson,
    /// The content is not valid by its schema.
    InvalidContent,
    /// The content has too many bytes to be compared with its schema, or is compressed, or the schema can't
    /// be used.
    NotCompared,
}

impl Violation {
    /// The method and the path of the operation: `GET /users/{id}`.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What kind of violation it is.
    #[must_use]
    pub const fn kind(&self) -> ViolationKind {
        self.kind
    }

    /// What is wrong, in words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The beginning of the body; empty if it is not known.
    #[must_use]
    pub fn excerpt(&self) -> &str {
        &self.excerpt
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            status,
            text,
            ..
        } = self;
        write!(f, "{operation} {}: {text}", status.as_str())?;
        if !self.excerpt.is_empty() {
            write!(f, "\n  body: {}", self.excerpt)?;
        }
        Ok(())
    }
}

/// The message of a failed test.
pub(super) fn list(violations: &[Violation]) -> String {
    let lines = violations.iter().map(|violation| format!("\n{violation}"));
    let count = match violations.len() {
        1 => "1 violation".to_owned(),
        several => format!("{several} violations"),
    };
    format!(
        "{count} of the OpenAPI document{}",
        lines.collect::<String>()
    )
}

/// The beginning of a body, as text.
pub(super) fn excerpt(body: &Bytes) -> String {
    shortened(&String::from_utf8_lossy(body))
}

pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
