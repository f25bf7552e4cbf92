//! The same body, whose email address is checked by garde's own rule, a regular expression.

use axum::Router;
use serde::Deserialize;
use wythe::Jwt;

use crate::full_stack::{self, Created};

/// The request body.
#[derive(Debug, Deserialize, garde::Validate)]
pub(crate) struct NewUser {
    #[garde(length(chars, min = 2, max = 50))]
    name: String,
    #[garde(email)]
    email: String,
    #[garde(range(min = 18, max = 120))]
    age: Option<u8>,
}

impl From<NewUser> for Created {
    fn from(NewUser { name, email, age }: NewUser) -> Self {
        full_stack::NewUser { name, email, age }.into()
    }
}

/// wythe's stack for this body, which verifies each token.
pub(crate) fn app_without_cache() -> Router {
    let jwt = full_stack::jwt().map(Jwt::without_cache);
    jwt.and_then(|jwt| full_stack::with::<NewUser>(full_stack::large_quota(), jwt))
        .expect("a stack")
}
