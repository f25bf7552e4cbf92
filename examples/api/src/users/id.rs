//! The id of a user.

use std::{fmt, num::ParseIntError, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A user's id.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct UserId(#[schemars(range(min = 0))] pub(crate) i64);

impl UserId {
    /// The configured user. Users who register get 1, 2, 3 ..
    pub(crate) const ADMIN: Self = Self(0);
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UserId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}
