//! Which part of a list a client asks for.

use garde::Validate;
use serde::{Deserialize, Serialize};

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

/// What comes of it.
#[derive(Serialize)]
pub(crate) struct Listed<T> {
    users: Vec<T>,
    page: u32,
    per_page: u32,
    total: u32,
}

impl Page {
    /// Says which page these users are, of how many users.
    pub(crate) fn of<T>(self, users: Vec<T>, total: u32) -> Listed<T> {
        let Self { page, per_page } = self;
        Listed {
            users,
            page,
            per_page,
            total,
        }
    }

    /// How many stand on the pages before.
    pub(crate) fn before(&self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.per_page)
    }
}
