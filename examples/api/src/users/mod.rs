//! Manages the users: those with an account, and those created by others.

mod accounts;
mod id;
mod input;
mod overview;
mod page;
mod store;

pub(crate) mod by_id;
pub(crate) mod create;
pub(crate) mod list;

use axum::http::StatusCode;
use serde::Serialize;
use wythe::Problem;

pub(crate) use accounts::Account;
pub(crate) use id::UserId;
pub(crate) use input::NewUser;
pub(crate) use overview::Overview;
pub(crate) use page::{Listed, Page};
pub(crate) use store::Users;

/// A user as clients see it. It contains no password and no hash of one.
#[derive(Serialize)]
pub(crate) struct User {
    pub(crate) id: UserId,
    /// A newly registered user has no name yet.
    pub(crate) name: Option<String>,
    pub(crate) email: String,
    pub(crate) age: Option<u8>,
}

/// The profile of the signed-in user.
#[derive(Serialize)]
pub(crate) struct Profile {
    pub(crate) id: UserId,
    pub(crate) email: String,
}

pub(crate) fn nobody() -> Problem {
    Problem::new(StatusCode::NOT_FOUND).detail("There is no user with this id.")
}
