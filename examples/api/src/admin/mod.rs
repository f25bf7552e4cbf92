//! What only the admin may do, and who the admin is.

mod account;

pub(crate) mod delete;
pub(crate) mod list;

pub use account::Admin;
pub(crate) use account::settle;

use crate::users::UserId;

/// The scope that the routes in this folder require.
const USERS: &str = "users:admin";

/// The scopes of a user, for a token.
pub(crate) fn scope(user: UserId) -> &'static str {
    match user {
        UserId::ADMIN => USERS,
        _ => "",
    }
}
