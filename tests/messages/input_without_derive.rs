//! An input without `garde::Validate`, in a whole stack.

use axum::{Router, routing::post};
use serde::Deserialize;
use wythe::{CacheControl, Json, Valid, compose, with_cache_control, with_validation};

#[derive(Deserialize)]
struct NewUser {
    name: String,
}

async fn create(user: Valid<Json<NewUser>>) -> String {
    user.name.clone()
}

fn main() {
    let stack = compose((
        with_validation::<Json<NewUser>>(),
        with_cache_control(CacheControl::no_store()),
    ));
    let _: Router = Router::new().route("/users", post(stack.handler(create)));
}
