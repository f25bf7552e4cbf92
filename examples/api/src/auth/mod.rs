//! Makes accounts, and knows who is signed in.

mod cookie;
mod guesses;
mod passwords;
mod secret;
mod tokens;

pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod protected;
pub(crate) mod register;

pub(crate) use cookie::SessionCookie;
pub(crate) use guesses::Guesses;
pub(crate) use passwords::Passwords;
pub(crate) use tokens::{Claims, Tokens};
