//! A check needs a principal, and there is one sometimes only.

use serde::Deserialize;
use wythe::{Auth, ConfigError, Jwt, compose, with_auth, with_authorization};

#[derive(Clone, Deserialize)]
struct Claims {
    admin: bool,
}

fn main() -> Result<(), ConfigError> {
    let jwt = Jwt::<Claims>::hs256("a secret of at least thirty-two bytes")?;
    let stack = compose((
        with_auth(jwt).optional(),
        with_authorization(|auth: &Auth<Claims>, _| auth.0.admin),
    ));
    println!("{stack}");
    Ok(())
}
