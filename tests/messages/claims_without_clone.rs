//! Claims of a token that are not `Clone`.

use axum::{Router, routing::get};
use serde::Deserialize;
use wythe::{Auth, ConfigError, Jwt, compose, with_auth};

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

async fn me(Auth(claims): Auth<Claims>) -> String {
    claims.sub
}

fn main() -> Result<(), ConfigError> {
    let jwt = Jwt::<Claims>::hs256("a secret of at least thirty-two bytes")?;
    let stack = compose(with_auth(jwt));
    let _: Router = Router::new().route("/me", get(stack.handler(me)));
    Ok(())
}
