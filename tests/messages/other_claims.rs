//! A handler asks for other claims than the stack's tokens have.

use axum::{Router, routing::get};
use serde::Deserialize;
use wythe::{Auth, ConfigError, Jwt, compose, with_auth};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

#[derive(Clone, Deserialize)]
struct AdminClaims {
    sub: String,
}

async fn me(Auth(claims): Auth<AdminClaims>) -> String {
    claims.sub
}

fn main() -> Result<(), ConfigError> {
    let jwt = Jwt::<Claims>::hs256("a secret of at least thirty-two bytes")?;
    let stack = compose((with_auth(jwt),));
    let _: Router = Router::new().route("/me", get(stack.handler(me)));
    Ok(())
}
