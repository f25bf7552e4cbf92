//! The options of a layer, how a body is encoded, and the refusals of the bodies that are not read.

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{
    encoding::{Encoding, Format},
    errors::MAX_LISTED_ERRORS,
};
use crate::wire::{
    Problem,
    field::{
        media_type::{Charset, MediaType},
        only_line,
    },
};

/// How inputs are read.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) max_body_bytes: usize,
    pub(super) max_listed_errors: usize,
    pub(super) max_values: usize,
    pub(super) rejects_unknown_names: bool,
    pub(super) has_nested_keys: bool,
    pub(super) any_content_type: bool,
    pub(super) media_types: Vec<String>,
    /// Names of fields in Rust, and those that clients use.
    pub(super) field_names: Vec<(String, String)>,
}

impl Options {
    pub(super) const DEFAULT: Self = Self {
        max_body_bytes: 1024 * 1024,
        max_listed_errors: MAX_LISTED_ERRORS,
        max_values: 100_000,
        rejects_unknown_names: false,
        has_nested_keys: false,
        any_content_type: false,
        media_types: Vec::new(),
        field_names: Vec::new(),
    };
}

/// How a body is encoded by its `Content-Type`, or why it is not read.
pub(super) fn encoding(
    format: Format,
    media_types: &[String],
    headers: &HeaderMap,
    empty: bool,
    refusals: &Refusals,
) -> Result<Encoding, Problem> {
    if format == Format::Binary && media_types.is_empty() {
        return Ok(Encoding::Binary);
    }
    // Two lines are the same as one with a comma, and that is not a media type.
    let field = only_line(headers, header::CONTENT_TYPE)
        .map_err(|_repeated| refusals.malformed_type.clone())?;
    let Some(field) = field else {
        let missing = if empty {
            &refusals.no_body
        } else {
            &refusals.no_type
        };
        return Err(missing.clone());
    };
    // What nearly every client sends.
    if field == "application/json"
        && matches!(format, Format::Json | Format::JsonOrForm)
        && media_types.is_empty()
    {
        return Ok(Encoding::Json);
    }
    let Some(media_type) = MediaType::parse(field.as_bytes()) else {
        return Err(refusals.malformed_type.clone());
    };
    let encoding = if media_types.is_empty() {
        encoding_of(&media_type).filter(|encoding| encoding.is_accepted_by(format))
    } else {
        let mut listed = media_types
            .iter()
            .filter_map(|listed| listed.split_once('/'));
        let is_listed = listed.any(|(kind, subtype)| media_type.is(kind, subtype));
        is_listed.then(|| Encoding::only(format))
    };
    let encoding = encoding.ok_or_else(|| refusals.wrong_type.clone())?;
    match media_type.charset() {
        _ if encoding == Encoding::Binary => Ok(encoding),
        None | Some(Charset::Utf8) => Ok(encoding),
        Some(Charset::Other) => Err(refusals.charset.clone()),
    }
}

/// How a body is encoded where its content type is not checked.
pub(super) fn guess_encoding(format: Format, headers: &HeaderMap) -> Encoding {
    let declared = headers
        .get(header::CONTENT_TYPE)
        .and_then(|field| encoding_of(&MediaType::parse(field.as_bytes())?));
    match format {
        Format::JsonOrForm => declared
            .filter(|encoding| encoding.is_accepted_by(format))
            .unwrap_or(Encoding::Json),
        format => Encoding::only(format),
    }
}

fn encoding_of(media_type: &MediaType<'_>) -> Option<Encoding> {
    if media_type.is_json() {
        Some(Encoding::Json)
    } else if media_type.is("application", "x-www-form-urlencoded") {
        Some(Encoding::Form)
    } else if media_type.is("text", "plain") {
        Some(Encoding::Text)
    } else {
        None
    }
}

/// The refusals of one policy that are always the same, built once.
#[derive(Clone)]
pub(super) struct Refusals {
    pub(super) too_large: Problem,
    pub(super) content_coding: Problem,
    pub(super) no_body: Problem,
    no_type: Problem,
    malformed_type: Problem,
    pub(super) wrong_type: Problem,
    charset: Problem,
}

impl Refusals {
    pub(super) fn new(format: Option<Format>, options: &Options) -> Self {
        let max_body_bytes = options.max_body_bytes;
        let accepted = if options.media_types.is_empty() {
            format.map_or_else(String::new, |format| format.media_types().join(", "))
        } else {
            options.media_types.join(", ")
        };
        // Media types are visible ASCII.
        let field = HeaderValue::try_from(&accepted);
        let field = field.unwrap_or_else(|_| HeaderValue::from_static("*/*"));
        let media_type = |what: &str| {
            // RFC 9110, section 15.5.16: tells the client what is accepted.
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .reason("media_type")
                .detail(format!("{what}; accepted: {accepted}."))
                .header(header::ACCEPT, field.clone())
        };
        Self {
            too_large: Problem::large_body(max_body_bytes),
            no_body: Problem::new(StatusCode::BAD_REQUEST)
                .reason("no_body")
                .detail(format!("The request has no body; expected: {accepted}.")),
            no_type: media_type("The request has no `Content-Type`"),
            malformed_type: media_type("The `Content-Type` is not a single well-formed media type"),
            wrong_type: media_type("The `Content-Type` is not supported"),
            charset: media_type("The charset of the body must be UTF-8"),
            content_coding: Problem::coded_body(),
        }
    }
}
