//! The part of a list that a client requests.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Deserialize, JsonSchema, Validate)]
pub(crate) struct Page {
    /// The number of the page, from 1.
    #[serde(default = "first")]
    #[garde(range(min = 1))]
    pub(crate) page: u32,
    /// How many users a page has.
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

/// A page of a list of users, oldest first.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "{T}Page")]
pub(crate) struct Listed<T> {
    users: Vec<T>,
    /// The number of the page, from 1.
    page: u32,
    /// How many users a page has.
    per_page: u32,
    /// How many users there are on all pages.
    total: u32,
}

impl Page {
    /// Creates the page with these users, out of this total.
    pub(crate) fn of<T>(self, users: Vec<T>, total: u32) -> Listed<T> {
        let Self { page, per_page } = self;
        Listed {
            users,
            page,
            per_page,
            total,
        }
    }

    /// How many entries are on the pages before.
    pub(crate) fn before(&self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.per_page)
    }
}
