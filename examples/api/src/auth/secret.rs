//! Deserializes a password without ever showing it.

use std::fmt;

use serde::{
    Deserializer,
    de::{Error, Visitor},
};

/// Reads a string, for `#[serde(deserialize_with = "..")]`. If the value is a number, serde's own
/// error would quote it, and the error is sent to the client and logged.
pub(crate) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    // Not `deserialize_string`: with it, the format quotes the value in its error.
    from.deserialize_any(Secret)
}

struct Secret;

impl Visitor<'_> for Secret {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<String, E> {
        Err(E::custom("expected a string"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<String, E> {
        Err(E::custom("expected a string"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<String, E> {
        Err(E::custom("expected a string"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<String, E> {
        Err(E::custom("expected a string"))
    }
}
