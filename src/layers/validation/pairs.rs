//! Reads forms and queries.

use serde::de::DeserializeOwned;

use super::parse::{Encoding, invalid, malformed, names};
use crate::wire::{
    Problem,
    field::urlencoded::{self, Malformed},
};

/// Reads a value.
pub(super) fn parse<T: DeserializeOwned>(written: &[u8], encoding: Encoding) -> Result<T, Problem> {
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
