use std::fmt;

use serde::de::{Error, Expected, Unexpected};

/// Why a value can't be read.
pub(in crate::layers::validation) enum Fault {
    Message(String),
    /// Readers have different names for these two.
    Unit {
        is_type: bool,
        expected: String,
    },
    Float {
        is_type: bool,
        found: f64,
        expected: String,
    },
}

impl Fault {
    pub(super) fn of(error: impl fmt::Display) -> Self {
        Self::Message(error.to_string())
    }

    #[cold]
    pub(super) fn read_twice() -> Self {
        Self::Message("read twice".to_owned())
    }

    fn unexpected(is_type: bool, found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unit => Self::Unit {
                is_type,
                expected: expected.to_string(),
            },
            Unexpected::Float(found) => Self::Float {
                is_type,
                found,
                expected: expected.to_string(),
            },
            _ => {
                let invalid = if is_type { "type" } else { "value" };
                Self::Message(format!("invalid {invalid}: {found}, expected {expected}"))
            }
        }
    }

    pub(super) fn into_error<E: Error>(self) -> E {
        let (is_type, found, expected) = match self {
            Self::Message(message) => return E::custom(message),
            Self::Unit { is_type, expected } => (is_type, Unexpected::Unit, expected),
            Self::Float {
                is_type,
                found,
                expected,
            } => (is_type, Unexpected::Float(found), expected),
        };
        let expected: &dyn Expected = &expected.as_str();
        if is_type {
            E::invalid_type(found, expected)
        } else {
            E::invalid_value(found, expected)
        }
    }
}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::of(message)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::unexpected(true, found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::unexpected(false, found, expected)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (is_type, found, expected) = match self {
            Self::Message(message) => return f.write_str(message),
            Self::Unit { is_type, expected } => (is_type, Unexpected::Unit, expected),
            Self::Float {
                is_type,
                found,
                expected,
            } => (is_type, Unexpected::Float(*found), expected),
        };
        let invalid = if *is_type { "type" } else { "value" };
        write!(f, "invalid {invalid}: {found}, expected {expected}")
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Fault {}
