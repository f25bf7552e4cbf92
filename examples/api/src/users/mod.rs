//! Manages the users: those with an account, and those created by others.

mod accounts;
mod by_id;
mod create;
mod error;
mod id;
mod input;
mod list;
mod overview;
mod page;
mod store;

use axum::{Json, extract::Query};
use schemars::JsonSchema;
use serde::Serialize;
use wythe::{
    Api, CacheControl, Conditional, ConfigError, Csrf, compose, with_auth, with_body_limit,
    with_cache_control, with_client_ip, with_conditional, with_csrf, with_rate_limit,
    with_validation,
};

use self::error::email_taken;
pub(crate) use accounts::Account;
pub(crate) use error::{EmailTaken, NoSuchUser, NotTheOwner, UserChanged};
pub(crate) use id::UserId;
pub(crate) use input::NewUser;
pub(crate) use overview::Overview;
pub(crate) use page::{Listed, Page};
pub(crate) use store::Users;

use crate::{
    app::{Routes, VERSION},
    serve::TimeLimits,
    state::AppState,
};

/// The routes, below `/api/users`.
pub(crate) fn api(
    state: &AppState,
    csrf: &Csrf,
    times: &TimeLimits,
) -> Result<Routes, ConfigError> {
    let auth = with_auth(state.tokens.jwt());
    let form = with_body_limit(times.body(16 * 1024)?);
    let per_hour = state.rate_limits.per_hour(100).named("users");
    let no_store = with_cache_control(CacheControl::no_store());
    let create = compose((
        with_client_ip(state.client_ip.clone()),
        with_rate_limit(per_hour.by_client_ip()?),
        with_csrf(csrf.clone()),
        auth.clone(),
        form.clone(),
        with_validation::<Json<NewUser>>(),
    ));
    let read = compose((auth.clone(), no_store));
    let list = read.clone().with(with_validation::<Query<Page>>());
    // A browser may keep a user, and asks each time whether it has changed.
    let show = compose((
        auth,
        with_cache_control(CacheControl::private().no_cache()),
        with_conditional(Conditional::new()),
    ));
    // Who writes has to know what is overwritten: the version comes back in `If-Match`.
    let delete = read
        .with(with_csrf(csrf.clone()))
        .with(with_conditional(Conditional::new().require_precondition()));
    let replace = delete
        .clone()
        .with((form, with_validation::<Json<NewUser>>()));
    Ok(Api::new("Users", VERSION)
        .documented()
        .post(
            "/",
            create
                .handler(create::create_user)
                .description("Creates a user without an account."),
        )
        .get(
            "/",
            list.handler(list::list_users)
                .description("A page of the users, oldest first."),
        )
        .get("/{id}", show.handler(by_id::show_user))
        .put(
            "/{id}",
            replace
                .handler(by_id::replace_user)
                .description("A user who has an account can only be replaced by themselves."),
        )
        .delete(
            "/{id}",
            delete
                .handler(by_id::delete_user)
                .description("A user who has an account can only be deleted by themselves."),
        )
        .finish())
}

// It contains no password and no hash of one.
/// A user.
#[derive(JsonSchema, Serialize)]
pub(crate) struct User {
    pub(crate) id: UserId,
    /// A newly registered user has no name yet.
    pub(crate) name: Option<String>,
    pub(crate) email: String,
    pub(crate) age: Option<u8>,
}

/// The profile of the signed-in user.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Profile {
    pub(crate) id: UserId,
    pub(crate) email: String,
}
