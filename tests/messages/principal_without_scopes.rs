//! The principal does not say which scopes it has.

use serde::Deserialize;
use wythe::{ConfigError, Jwt, Scopes, compose, with_auth, with_scopes};

#[derive(Clone, Deserialize)]
struct Claims {
    scope: String,
}

fn main() -> Result<(), ConfigError> {
    let jwt = Jwt::<Claims>::hs256("a secret of at least thirty-two bytes")?;
    let stack = compose((with_auth(jwt), with_scopes(Scopes::all(["orders:read"])?)));
    println!("{stack}");
    Ok(())
}
