//! A handler asks for what a conditional layer provides sometimes only.

use axum::{Router, routing::get};
use serde::Deserialize;
use wythe::{Auth, ConfigError, Jwt, compose, with_auth};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

async fn me(Auth(claims): Auth<Claims>) -> String {
    claims.sub
}

fn main() -> Result<(), ConfigError> {
    let jwt = Jwt::<Claims>::hs256("a secret of at least thirty-two bytes")?;
    let stack = compose((with_auth(jwt).optional(),));
    let _: Router = Router::new().route("/me", get(stack.handler(me)));
    Ok(())
}
