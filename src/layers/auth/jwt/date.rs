//! Reads `NumericDate` (RFC 7519, section 2).

use std::{fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

/// Seconds since the epoch, whole or not (RFC 7519, section 2). Whole seconds are exact for the
/// next 285 million years; later ones are late enough.
#[derive(Clone, Copy)]
pub(super) struct NumericDate(pub(super) f64);

impl From<u64> for NumericDate {
    fn from(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds).as_secs_f64())
    }
}

impl From<i64> for NumericDate {
    fn from(seconds: i64) -> Self {
        let Self(size) = Self::from(seconds.unsigned_abs());
        Self(if seconds < 0 { -size } else { size })
    }
}

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DateVisitor;

        impl Visitor<'_> for DateVisitor {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since the epoch")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<NumericDate, E> {
                Ok(NumericDate::from(seconds))
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<NumericDate, E> {
                Ok(NumericDate::from(seconds))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<NumericDate, E> {
                Ok(NumericDate(seconds))
            }
        }

        deserializer.deserialize_f64(DateVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::NumericDate;

    #[test]
    fn reads_dates_of_every_form() {
        let cases = [
            ("a second", "1001", Some(1001.0)),
            ("before the epoch", "-1", Some(-1.0)),
            ("a fraction", "999.5", Some(999.5)),
            ("an exponent", "1.001e3", Some(1001.0)),
            (
                "the least i64",
                "-9223372036854775808",
                Some(-9.223_372_036_854_776e18),
            ),
            (
                "the largest i64",
                "9223372036854775807",
                Some(9.223_372_036_854_776e18),
            ),
            (
                "beyond i64",
                "9223372036854775808",
                Some(9.223_372_036_854_776e18),
            ),
            (
                "beneath i64",
                "-9223372036854775809",
                Some(-9.223_372_036_854_776e18),
            ),
            (
                "beyond u64",
                "18446744073709551616",
                Some(1.844_674_407_370_955_2e19),
            ),
            ("the end of f64", "1e308", Some(1e308)),
            ("beyond f64", "1e309", None),
            ("beneath f64", "-1e309", None),
            ("a string", "\"1001\"", None),
            ("a truth", "true", None),
            ("null", "null", None),
            ("an array", "[1001]", None),
        ];
        for (name, json, expected) in cases {
            let read = serde_json::from_str::<NumericDate>(json).ok();
            assert_eq!(read.map(|NumericDate(seconds)| seconds), expected, "{name}");
        }
    }
}
