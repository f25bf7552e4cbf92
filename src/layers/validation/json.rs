//! Reads JSON.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{
    errors::excerpt,
    names::Name,
    parse::{Encoding, invalid, malformed, names},
};
use crate::wire::Problem;

/// Reads a value.
pub(super) fn parse<T: DeserializeOwned>(written: &[u8]) -> Result<T, Problem> {
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
