//! The 422: lists what is wrong with an input.

use std::borrow::Cow;

use garde::Report;
use http::StatusCode;
use serde_json::{Map, Value};

use super::{
    field_path::{FieldPaths, PathSegment},
    parse::Encoding,
};
use crate::wire::{Problem, field::json_pointer};

/// The longest message of one error: messages of serde quote what the client sent.
const MAX_TEXT: usize = 240;

/// The longest pointer, in bytes of the fragment. An error further down is reported at its parent.
const MAX_POINTER: usize = 1024;

/// One element of `errors`, with the `detail` and `pointer` of RFC 9457, section 3. Forms and queries
/// have parameters instead of pointers.
pub(super) fn entry(encoding: Encoding, message: &str, path: &[PathSegment]) -> Value {
    let mut entry = Map::new();
    entry.insert("detail".to_owned(), excerpt(message).into());
    if encoding == Encoding::Json {
        entry.insert("pointer".to_owned(), pointer(path).into());
        return Value::Object(entry);
    }
    if let Some(PathSegment::Key(parameter)) = path.first() {
        entry.insert("parameter".to_owned(), excerpt(parameter).into());
    }
    if let Some(PathSegment::Index(index)) = path.get(1) {
        entry.insert("index".to_owned(), (*index).into());
    }
    Value::Object(entry)
}

/// The 422 for a report of garde.
pub(super) fn refuse(report: &Report, paths: &FieldPaths, max_listed: usize) -> Problem {
    let entries = report.iter().take(max_listed).map(|(path, error)| {
        let path = serde_json::to_value(path).unwrap_or_default();
        let path = paths.as_sent(&segments(&path));
        entry(paths.encoding(), error.message(), &path)
    });
    list(entries.collect(), report.iter().count())
}

/// garde writes a path as `[["key", "address"], ["index", "0"]]`.
fn segments(path: &Value) -> Vec<PathSegment> {
    let segments = path.as_array().map(Vec::as_slice).unwrap_or_default();
    segments
        .iter()
        .filter_map(|segment| {
            let name = segment.get(1)?.as_str()?;
            match segment.get(0)?.as_str()? {
                "key" => Some(PathSegment::Key(name.to_owned())),
                "index" => Some(PathSegment::Index(name.parse().ok()?)),
                _ => None,
            }
        })
        .collect()
}

/// The 422: some errors, and how many there are.
pub(super) fn list(errors: Vec<Value>, total: usize) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
        .reason("invalid")
        .detail("The request is well-formed but its content is invalid.")
        .extension("errors", errors)
        .extension("error_count", total)
}

fn pointer(path: &[PathSegment]) -> String {
    let texts: Vec<Cow<'_, str>> = path
        .iter()
        .map(|segment| match segment {
            PathSegment::Key(key) => Cow::Borrowed(key.as_str()),
            PathSegment::Index(index) => Cow::Owned(index.to_string()),
        })
        .collect();
    // At most three bytes for each byte, and the `/`.
    let mut left = MAX_POINTER;
    let short = texts.iter().map_while(|text| {
        left = left.checked_sub(text.len().saturating_mul(3).saturating_add(1))?;
        Some(&**text)
    });
    json_pointer::fragment(short)
}

/// The text, or its beginning and its end, where serde says what it expected.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT {
        return Cow::Borrowed(text);
    }
    let head = text.char_indices().nth(100).map_or(0, |(at, _)| at);
    let tail = text.char_indices().rev().nth(99).map_or(0, |(at, _)| at);
    let (head, tail) = (text.get(..head), text.get(tail..));
    let (head, tail) = (head.unwrap_or_default(), tail.unwrap_or_default());
    Cow::Owned(format!("{head} .. {tail}"))
}

#[cfg(test)]
mod tests {
    use super::{MAX_POINTER, PathSegment, excerpt, pointer};

    #[test]
    fn long_texts_keep_their_beginning_and_their_end() {
        let long = format!(
            "invalid type: string \"{}\", expected u8",
            "\u{e9}".repeat(9999)
        );
        let short = excerpt(&long);
        assert!(short.starts_with("invalid type: string \"\u{e9}"));
        assert!(short.ends_with("\u{e9}\", expected u8"));
        assert!(short.chars().count() < 240);
        assert_eq!(excerpt("short"), "short");
    }

    #[test]
    fn a_pointer_stops_before_a_name_that_is_too_long() {
        let path = ["a".to_owned(), "b".repeat(MAX_POINTER), "c".to_owned()];
        assert_eq!(pointer(&path.map(PathSegment::Key)), "#/a");
    }
}
