//! Reads values from bytes, and explains why some bytes are none.
//!
//! A value is read plainly. Only what fails is read a second time, with the path to the fault:
//! keeping the path costs more than all of the reading.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::{
    errors::{self, excerpt},
    names::Name,
};
use crate::{
    field::urlencoded::{self, Malformed},
    problem::Problem,
};

/// How an input is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Form,
    Query,
}

impl Encoding {
    pub(super) fn is_accepted_by(self, format: super::Format) -> bool {
        use super::Format;
        match self {
            Self::Json => matches!(format, Format::Json | Format::JsonOrForm),
            Self::Form => matches!(format, Format::Form | Format::JsonOrForm),
            Self::Query => format == Format::Query,
        }
    }
}

/// Reads a value.
pub(super) fn parse<T: DeserializeOwned>(written: &[u8], encoding: Encoding) -> Result<T, Problem> {
    match encoding {
        Encoding::Json => json(written),
        Encoding::Form | Encoding::Query => pairs(written, encoding),
    }
}

fn json<T: DeserializeOwned>(written: &[u8]) -> Result<T, Problem> {
    // Checked as a whole: serde_json does not look into the strings that it skips.
    let text = std::str::from_utf8(written)
        .map_err(|error| not_utf8(written.get(..error.valid_up_to()).unwrap_or_default()))?;
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => {
            let (fault, path) = find::<T>(text).unwrap_or((error, Vec::new()));
            let (line, column) = (fault.line(), fault.column());
            invalid(&without_position(&fault), path, Encoding::Json)
                .extension("line", line)
                .extension("column", column)
        }
        Category::Syntax | Category::Eof | Category::Io => malformed_json(text, &error),
    })
}

/// Reads again, with the path to the fault.
fn find<T: DeserializeOwned>(text: &str) -> Option<(serde_json::Error, Vec<Name>)> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let error = serde_path_to_error::deserialize::<_, T>(&mut reader).err()?;
    let path = names(error.path());
    Some((error.into_inner(), path))
}

/// A body that is not JSON: 400, with the place.
fn malformed_json(text: &str, error: &serde_json::Error) -> Problem {
    if text.trim_ascii().is_empty() {
        return malformed("The body is empty; expected JSON.".to_owned());
    }
    // RFC 8259, section 8.1: a sender must not write one.
    if text.starts_with('\u{feff}') {
        let detail = "The body starts with a byte order mark, which JSON must not have.";
        return at(malformed(detail.to_owned()), 1, 1);
    }
    let (line, column) = (error.line(), error.column());
    let what = without_position(error);
    let what = excerpt(&what);
    let detail = format!("The body is not JSON: {what} at line {line}, column {column}.");
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

fn malformed(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST).detail(detail)
}

fn at(problem: Problem, line: usize, column: usize) -> Problem {
    problem.extension("line", line).extension("column", column)
}

/// `serde_json`'s text, without the place that it ends with.
fn without_position(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    if text.ends_with(&position) {
        text.truncate(text.len().saturating_sub(position.len()));
    }
    text
}

/// A form or a query.
fn pairs<T: DeserializeOwned>(written: &[u8], encoding: Encoding) -> Result<T, Problem> {
    urlencoded::check(written).map_err(|fault| malformed_pairs(fault, encoding))?;
    serde_html_form::from_bytes(written).map_err(|error| {
        let reader = serde_html_form::Deserializer::from_bytes(written);
        match serde_path_to_error::deserialize::<_, T>(reader) {
            Err(found) => {
                let path = names(found.path());
                invalid(&said(found.inner()), path, encoding)
            }
            Ok(_) => invalid(&said(&error), Vec::new(), encoding),
        }
    })
}

fn malformed_pairs(fault: Malformed, encoding: Encoding) -> Problem {
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

/// `serde_html_form` says "unsupported value" of a repeated key, and means this.
fn said(error: &serde_html_form::de::Error) -> String {
    let text = error.to_string();
    if text == "unsupported value" {
        return "given more than once, where one value is expected".to_owned();
    }
    text
}

/// An input that can be read but is no `T`: 422, with the place.
fn invalid(message: &str, mut path: Vec<Name>, encoding: Encoding) -> Problem {
    // serde blames the object for a member that is not there; its clients look for the member.
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    path.extend(missing.map(|name| Name::Key(name.to_owned())));
    let entry = errors::entry(encoding, message, &path);
    errors::list(vec![entry], 1)
}

fn names(path: &Path) -> Vec<Name> {
    path.iter()
        .map_while(|segment| match segment {
            Segment::Seq { index } => Some(Name::Index(*index)),
            Segment::Map { key } => Some(Name::Key(key.clone())),
            Segment::Enum { variant } => Some(Name::Key(variant.clone())),
            Segment::Unknown => None,
        })
        .collect()
}
