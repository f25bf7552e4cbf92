//! Reads values from bytes, and explains why some bytes are none.
//!
//! A value is read plainly. Only what fails is read a second time, with the path to the fault:
//! keeping the path costs more than all of the reading.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::{errors, input::Format, json, names::Name, pairs};
use crate::wire::Problem;

/// How an input is written.
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

/// Reads a value.
pub(super) fn parse<T: DeserializeOwned>(written: &[u8], encoding: Encoding) -> Result<T, Problem> {
    match encoding {
        Encoding::Json => json::parse(written),
        Encoding::Form | Encoding::Query => pairs::parse(written, encoding),
    }
}

/// An input that can't be read: 400.
pub(super) fn malformed(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST)
        .reason("malformed")
        .detail(detail)
}

/// An input that can be read but is no `T`: 422, with the place.
pub(super) fn invalid(message: &str, mut path: Vec<Name>, encoding: Encoding) -> Problem {
    // serde blames the object for a member that is not there; its clients look for the member.
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    path.extend(missing.map(|name| Name::Key(name.to_owned())));
    let entry = errors::entry(encoding, message, &path);
    errors::list(vec![entry], 1)
}

pub(super) fn names(path: &Path) -> Vec<Name> {
    path.iter()
        .map_while(|segment| match segment {
            Segment::Seq { index } => Some(Name::Index(*index)),
            Segment::Map { key } => Some(Name::Key(key.clone())),
            Segment::Enum { variant } => Some(Name::Key(variant.clone())),
            Segment::Unknown => None,
        })
        .collect()
}
