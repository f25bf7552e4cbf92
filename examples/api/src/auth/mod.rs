//! Creates accounts, and authenticates users.

mod cookies;
mod credentials;
mod guesses;
mod login_store;
mod logins;
mod passwords;
mod refresh_token;
mod secret;
mod tokens;

pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod logout_everywhere;
pub(crate) mod password;
pub(crate) mod protected;
pub(crate) mod refresh;
pub(crate) mod register;

pub(crate) use cookies::Cookies;
pub(crate) use credentials::Credentials;
pub(crate) use guesses::Guesses;
pub(crate) use login_store::LoginStore;
pub(crate) use logins::Logins;
pub(crate) use passwords::Passwords;
pub(crate) use refresh_token::RefreshToken;
pub(crate) use tokens::{Claims, Tokens};
