//! A route of an `Api` with a layer that belongs outside those around the `Api`.

use wythe::{Api, ConfigError, Csrf, Quota, compose, with_csrf, with_rate_limit};

async fn create() -> &'static str {
    "created"
}

fn main() -> Result<(), ConfigError> {
    let stack = compose(with_rate_limit(Quota::per_minute(10).by_peer()?));
    let api = Api::<()>::new("Users", "1.0.0")
        .around(compose(with_csrf(Csrf::same_origin())))
        .post("/users", stack.handler(create));
    println!("{api:?}");
    Ok(())
}
