//! Which part of a list a client asks for.

use garde::Validate;
use serde::Deserialize;

/// One page of a list.
#[derive(Deserialize, Validate)]
pub(crate) struct Page {
    #[serde(default = "first")]
    #[garde(range(min = 1))]
    pub(crate) page: u32,
    #[serde(default = "twenty")]
    #[garde(range(min = 1, max = 100))]
    pub(crate) per_page: u32,
}

fn first() -> u32 {
    1
}

fn twenty() -> u32 {
    20
}

impl Page {
    /// How many stand on the pages before.
    pub(crate) fn before(&self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.per_page)
    }
}
