//! Parses JSON, forms and queries, and explains why an input can't be parsed.
//!
//! An input is parsed plainly. Only one that fails is parsed a second time with the path to the
//! error, because tracking the path costs more than the parsing itself.

use http::StatusCode;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::{
    errors::{self, InputError, UNKNOWN_FIELD, excerpt},
    field_path::PathSegment,
    input::{Format, Input},
};
use crate::wire::{
    Problem,
    field::urlencoded::{self, Malformed},
};

/// The encoding of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Form,
    Query,
}

impl Encoding {
    pub(super) fn is_accepted_by(self, format: Format) -> bool {
        match self {
            Self::Json => matches!(format, Format::Json | Format::JsonOrForm),
            Self::Form => matches!(format, Format::Form | Format::JsonOrForm),
            Self::Query => format == Format::Query,
        }
    }
}

/// Parses an input. Only the parsers of its format are compiled for its type.
pub(super) fn parse<I: Input>(bytes: &[u8], encoding: Encoding) -> Result<I::Value, Problem> {
    if const { matches!(I::FORMAT, Format::Json) } {
        return parse_json(bytes);
    }
    if const { matches!(I::FORMAT, Format::Form | Format::Query) } {
        return parse_form(bytes, encoding);
    }
    match encoding {
        Encoding::Json => parse_json(bytes),
        Encoding::Form | Encoding::Query => parse_form(bytes, encoding),
    }
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // The whole input is checked: serde_json does not check strings that it skips.
    let text = std::str::from_utf8(bytes)
        .map_err(|error| not_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()))?;
    serde_json::from_str(text).map_err(|error| match error.classify() {
        // Where a variant of an enum is expected, serde_json calls a value of another type a fault
        // of the syntax.
        category if category == Category::Data || is_well_formed_but(&error, text) => {
            let (error, path) = locate::<T>(text).unwrap_or((error, Vec::new()));
            let position = Some((error.line(), error.column()));
            invalid(&without_position(&error), path, Encoding::Json, position)
        }
        _ => malformed_json(text, &error),
    })
}

/// Whether a text is JSON, though its type expects another value.
fn is_well_formed_but(error: &serde_json::Error, text: &str) -> bool {
    without_position(error) == "expected value" && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Parses again, with the path to the error.
fn locate<T: DeserializeOwned>(text: &str) -> Option<(serde_json::Error, Vec<PathSegment>)> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let error = serde_path_to_error::deserialize::<_, T>(&mut reader).err()?;
    let path = segments(error.path());
    Some((error.into_inner(), path))
}

/// A body that is not JSON: 400, with the position.
fn malformed_json(text: &str, error: &serde_json::Error) -> Problem {
    if text.trim_ascii().is_empty() {
        return malformed("The body is empty, but JSON is expected.".to_owned());
    }
    // RFC 8259, section 8.1: senders must not add one.
    if text.starts_with('\u{feff}') {
        let detail = "The body starts with a byte order mark, which is not allowed in JSON.";
        return at(malformed(detail.to_owned()), 1, 1);
    }
    let (line, column) = (error.line(), error.column());
    let reason = without_position(error);
    let reason = excerpt(&reason);
    let detail = format!("The body is not JSON: {reason} at line {line}, column {column}.");
    at(malformed(detail), line, column)
}

fn not_utf8(valid: &[u8]) -> Problem {
    let lines = valid.split(|byte| *byte == b'\n');
    let (line, column) = lines.fold((0_usize, 0), |(line, _), text| {
        (line.saturating_add(1), text.len().saturating_add(1))
    });
    let detail = format!("The body is not UTF-8 at line {line}, column {column}.");
    at(malformed(detail), line, column)
}

fn at(problem: Problem, line: usize, column: usize) -> Problem {
    problem.extension("line", line).extension("column", column)
}

/// The message of `serde_json` without the position at its end.
fn without_position(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    if text.ends_with(&position) {
        text.truncate(text.len().saturating_sub(position.len()));
    }
    text
}

fn parse_form<T: DeserializeOwned>(bytes: &[u8], encoding: Encoding) -> Result<T, Problem> {
    urlencoded::check(bytes).map_err(|fault| malformed_form(fault, encoding))?;
    serde_html_form::from_bytes(bytes).map_err(|error| {
        let reader = serde_html_form::Deserializer::from_bytes(bytes);
        match serde_path_to_error::deserialize::<_, T>(reader) {
            Err(found) => {
                let path = segments(found.path());
                invalid(&message(found.inner()), path, encoding, None)
            }
            Ok(_) => invalid(&message(&error), Vec::new(), encoding, None),
        }
    })
}

fn malformed_form(fault: Malformed, encoding: Encoding) -> Problem {
    let part = if encoding == Encoding::Query {
        "query"
    } else {
        "form"
    };
    match fault {
        Malformed::Escape { at } => malformed(format!(
            "In the {part}, the % at byte {at} is not followed by two hexadecimal digits."
        ))
        .extension("byte", at),
        Malformed::NotUtf8 => malformed(format!("The {part} is not UTF-8.")),
    }
}

const REPEATED: &str = "repeated, but only one value is expected";

/// `serde_html_form` reports a repeated key as an "unsupported value".
fn message(error: &serde_html_form::de::Error) -> String {
    let text = error.to_string();
    if text == "unsupported value" {
        return REPEATED.to_owned();
    }
    text
}

/// An input that can't be parsed: 400.
fn malformed(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST)
        .reason("malformed")
        .detail(detail)
}

/// A well-formed input that is not a `T`: 422, with the line and the column if they are known.
fn invalid(
    message: &str,
    mut path: Vec<PathSegment>,
    encoding: Encoding,
    position: Option<(usize, usize)>,
) -> Problem {
    // serde locates a missing field at its object; clients look for the field.
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    path.extend(missing.map(|name| PathSegment::Key(name.to_owned())));
    let error = InputError {
        encoding,
        message,
        path,
        rule: errors::rule(&RULES, message, INVALID),
    };
    errors::list(vec![error], 1, position)
}

/// A type of the application rejects the value by itself.
pub(super) const INVALID: &str = "invalid";

/// The start of each message of serde, and what the log says instead.
pub(super) const RULES: [(&str, &str); 14] = [
    ("cannot parse integer from empty string", "value"),
    ("duplicate field ", "duplicate_field"),
    ("invalid digit found in string", "value"),
    ("invalid float literal", "value"),
    ("invalid length ", "length"),
    ("invalid type: ", "type"),
    ("invalid value: ", "value"),
    ("missing field ", "missing_field"),
    ("number too large to fit in target type", "value"),
    ("number too small to fit in target type", "value"),
    ("provided string was not `true` or `false`", "value"),
    (REPEATED, "duplicate_field"),
    ("unknown field ", UNKNOWN_FIELD),
    ("unknown variant ", "unknown_variant"),
];

fn segments(path: &Path) -> Vec<PathSegment> {
    path.iter()
        .map_while(|segment| match segment {
            Segment::Seq { index } => Some(PathSegment::Index(*index)),
            Segment::Map { key } => Some(PathSegment::Key(key.clone())),
            Segment::Enum { variant } => Some(PathSegment::Key(variant.clone())),
            Segment::Unknown => None,
        })
        .collect()
}
