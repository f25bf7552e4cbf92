//! A handler returns a user with the hash of the password: `Secret` is not `Serialize`.

use axum::{Json, Router, routing::get};
use wythe::{CacheControl, Secret, compose, with_cache_control};

#[derive(serde::Serialize)]
struct User {
    name: String,
    password_hash: Secret,
}

async fn show() -> Json<User> {
    Json(User {
        name: "ada".into(),
        password_hash: Secret::new("$argon2id$".into()),
    })
}

fn main() {
    let stack = compose(with_cache_control(CacheControl::no_store()));
    let _: Router = Router::new().route("/", get(stack.handler(show)));
}
