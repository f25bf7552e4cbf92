//! A documented `Api` demands a schema of what a layer reads.

use garde::Validate;
use serde::Deserialize;
use wythe::{Api, Json, NoContent, Valid, compose, with_validation};

#[derive(Deserialize, Validate)]
struct NewUser {
    #[garde(length(chars, min = 2))]
    name: String,
}

async fn create(user: Valid<Json<NewUser>>) -> NoContent {
    drop(user);
    NoContent
}

fn main() {
    let stack = compose(with_validation::<Json<NewUser>>());
    let api = Api::<()>::new("Users", "1.0.0")
        .documented()
        .post("/users", stack.handler(create));
}
