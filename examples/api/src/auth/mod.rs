//! Creates accounts, and authenticates users.

mod cookies;
mod credentials;
mod error;
mod guesses;
mod login;
mod login_store;
mod logins;
mod logout;
mod logout_everywhere;
mod password;
mod passwords;
mod protected;
mod refresh;
mod refresh_token;
mod register;
mod secret;
mod tokens;

use axum::Json;
use wythe::{
    Api, CacheControl, ConfigError, Csrf, api::openapi::Parameter, compose, with_auth,
    with_body_limit, with_cache_control, with_client_ip, with_csrf, with_rate_limit,
    with_validation,
};

pub(crate) use cookies::Cookies;
pub(crate) use credentials::{CheckError, Credentials};
pub(crate) use error::{AccountGone, JustRefreshed, LoginEnded, WrongLogin, WrongPassword};
pub(crate) use guesses::{Guesses, TooManyGuesses};
pub(crate) use login_store::LoginStore;
pub(crate) use logins::Logins;
pub(crate) use passwords::Passwords;
pub(crate) use refresh_token::RefreshToken;
pub use tokens::Claims;
pub(crate) use tokens::Tokens;

use self::{login::Login, password::NewPassword, register::NewAccount};
use crate::{
    app::{Routes, VERSION},
    serve::TimeLimits,
    state::AppState,
};

/// The largest body of a form with a password.
const FORM: usize = 4 * 1024;

/// The routes, below `/api`.
pub(crate) fn api(
    state: &AppState,
    csrf: &Csrf,
    times: &TimeLimits,
) -> Result<Routes, ConfigError> {
    let (tokens, limits) = (&state.tokens, state.rate_limits);
    let client_ip = with_client_ip(state.client_ip.clone());
    let form = with_body_limit(times.body(FORM)?);
    let refresh_token = Parameter::cookie::<String>(state.logins.cookies.refresh())
        .description("The refresh token, as logging in has set it.");
    let no_store = with_cache_control(CacheControl::no_store());
    let read = compose((with_auth(tokens.jwt()), no_store.clone()));
    let open = compose((with_csrf(csrf.clone()), no_store));
    let signed_in = open.clone().with(with_auth(tokens.jwt()));

    let per_minute = |requests, name| limits.per_minute(requests).named(name).by_client_ip();
    let register = open.clone().with((
        client_ip.clone(),
        with_rate_limit(limits.per_hour(20).named("register").by_client_ip()?),
        form.clone(),
        with_validation::<Json<NewAccount>>(),
    ));
    let failures = limits.per_hour(30).named("failed-logins").by_client_ip()?;
    let login = open.clone().with((
        client_ip.clone(),
        with_rate_limit(per_minute(10, "login")?),
        with_rate_limit(failures.count_failures()),
        form.clone(),
        with_validation::<Json<Login>>(),
    ));
    let password = signed_in.clone().with((
        client_ip.clone(),
        with_rate_limit(per_minute(10, "password")?),
        form,
        with_validation::<Json<NewPassword>>(),
    ));
    let refresh = open.clone().with((
        client_ip.clone(),
        with_rate_limit(per_minute(30, "refresh")?),
    ));
    let logout = open.with((client_ip, with_rate_limit(per_minute(30, "logout")?)));

    let password = password
        .handler(password::change_password)
        .description("Ends all logins of the account, and starts a new one in this browser.");
    let logout_everywhere = signed_in
        .handler(logout_everywhere::log_out_everywhere)
        .description("Ends all logins of the account, on all devices.");
    let register = register
        .handler(register::register)
        .description("Creates an account. It is not logged in yet.");
    let login = login.handler(login::log_in).description(
        "Sets two cookies: an access token, which is valid for 15 minutes, and a refresh token, \
         which gets new ones for 30 days.",
    );
    let refresh = refresh
        .handler(refresh::refresh_login)
        .parameter(refresh_token.clone())
        .description("Replaces both tokens. A refresh token is valid once.");
    let logout = logout
        .handler(logout::log_out)
        .parameter(refresh_token)
        .description(
            "Ends the login of the refresh token, if there is one, and removes both cookies.",
        );

    Ok(Api::new("Accounts", VERSION)
        .documented()
        .get("/protected", read.handler(protected::show_signed_in_user))
        .post("/auth/password", password)
        .post("/auth/logout-everywhere", logout_everywhere)
        .public(
            "users have no token before they register or log in",
            |open| open.post("/register", register).post("/auth/login", login),
        )
        .public(
            "the access token may have expired; the refresh token in the cookie decides",
            |open| {
                open.post("/auth/refresh", refresh)
                    .post("/auth/logout", logout)
            },
        )
        .finish())
}
