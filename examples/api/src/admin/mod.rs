//! What only the admin may do, and who the admin is.

mod account;
mod delete;
mod list;

use axum::extract::Query;
use wythe::{
    Api, CacheControl, ConfigError, Csrf, Scopes, compose, with_auth, with_cache_control,
    with_csrf, with_scopes, with_validation,
};

pub use account::Admin;
pub(crate) use account::settle;

use crate::{
    app::{Routes, VERSION},
    auth::Tokens,
    users::{Page, UserId},
};

/// The scope that the routes in this folder require.
const USERS: &str = "users:admin";

/// The routes, below `/api/admin`.
pub(crate) fn api(tokens: &Tokens, csrf: &Csrf) -> Result<Routes, ConfigError> {
    let no_store = compose((with_cache_control(CacheControl::no_store()),));
    let list = no_store.clone().with(with_validation::<Query<Page>>());
    Ok(Api::new("Administration", VERSION)
        .guard(compose((
            with_csrf(csrf.clone()),
            with_auth(tokens.jwt()),
            with_scopes(Scopes::all([USERS])?),
        )))
        .documented()
        .get(
            "/users",
            list.handler(list::list_users_and_logins)
                .description("A page of the users, oldest first."),
        )
        .delete(
            "/users/{id}",
            no_store
                .handler(delete::delete_any_user)
                .description("Ends all their logins, too."),
        )
        .finish())
}

/// The scopes of a user, for a token.
pub(crate) fn scope(user: UserId) -> &'static str {
    match user {
        UserId::ADMIN => USERS,
        _ => "",
    }
}
