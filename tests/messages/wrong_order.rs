//! CORS inside auth: a browser could not read the 401.

use serde::Deserialize;
use wythe::{ConfigError, Cors, Jwt, compose, with_auth, with_cors};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

fn main() -> Result<(), ConfigError> {
    let stack = compose((
        with_auth(Jwt::<Claims>::hs256("a secret of at least thirty-two bytes")?),
        with_cors(Cors::origins(["https://app.example.com"])?),
    ));
    println!("{stack}");
    Ok(())
}
