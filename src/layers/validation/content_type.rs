//! Decides by the header fields how a body is written, or refuses it.

use http::{HeaderMap, header};

use super::{input::Format, parse::Encoding, refusal::Refusals};
use crate::wire::{
    Problem,
    field::{
        Repeated,
        media_type::{Charset, MediaType},
        only_line,
    },
};

/// How a body is written, or why it is not read.
pub(super) fn encoding(
    format: Format,
    headers: &HeaderMap,
    empty: bool,
    refusals: &Refusals,
) -> Result<Encoding, Problem> {
    // Two lines are the same as one with a comma, and that is not a media type.
    let field = only_line(headers, header::CONTENT_TYPE)
        .map_err(|Repeated| refusals.malformed_type.clone())?;
    let Some(field) = field else {
        let missing = if empty {
            &refusals.no_body
        } else {
            &refusals.no_type
        };
        return Err(missing.clone());
    };
    // What nearly every client sends, letter by letter.
    if field == "application/json" && format != Format::Form {
        return Ok(Encoding::Json);
    }
    let Some(media_type) = MediaType::parse(field.as_bytes()) else {
        return Err(refusals.malformed_type.clone());
    };
    let encoding = of(&media_type)
        .filter(|encoding| encoding.is_accepted_by(format))
        .ok_or_else(|| refusals.wrong_type.clone())?;
    match media_type.charset() {
        None | Some(Charset::Utf8) => Ok(encoding),
        Some(Charset::Other) => Err(refusals.charset.clone()),
    }
}

/// How a body is written where the content type is not held against it.
pub(super) fn guess(format: Format, headers: &HeaderMap) -> Encoding {
    let said = headers
        .get(header::CONTENT_TYPE)
        .and_then(|field| of(&MediaType::parse(field.as_bytes())?));
    match format {
        Format::Json => Encoding::Json,
        Format::Form => Encoding::Form,
        Format::Query => Encoding::Query,
        Format::JsonOrForm => said.unwrap_or(Encoding::Json),
    }
}

fn of(media_type: &MediaType<'_>) -> Option<Encoding> {
    if media_type.is_json() {
        Some(Encoding::Json)
    } else if media_type.is("application", "x-www-form-urlencoded") {
        Some(Encoding::Form)
    } else {
        None
    }
}

/// Whether the body is compressed, or coded in another way (RFC 9110, section 8.4).
pub(super) fn is_coded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .flat_map(|field| field.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}
