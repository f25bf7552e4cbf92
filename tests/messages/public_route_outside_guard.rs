//! A public route of an `Api` that assumes what only the guard provides.

use serde::Deserialize;
use wythe::{Api, Auth, ConfigError, Jwt, assume, compose, with_auth};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

async fn whoami(Auth(claims): Auth<Claims>) -> String {
    claims.sub
}

fn main() -> Result<(), ConfigError> {
    let jwt = Jwt::<Claims>::hs256("0123456789abcdef0123456789abcdef")?;
    let stack = compose(assume::<Auth<Claims>>());
    let api = Api::<Auth<Claims>>::new("Users", "1.0.0")
        .guard(compose(with_auth(jwt)))
        .public("an example", |open| open.get("/whoami", stack.handler(whoami)));
    println!("{api:?}");
    Ok(())
}
