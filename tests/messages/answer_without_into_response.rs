//! A handler returns what is not a response.

use axum::{Router, routing::get};
use wythe::{CacheControl, compose, with_cache_control};

struct User {
    name: String,
}

async fn show() -> User {
    User { name: String::new() }
}

fn main() {
    let stack = compose(with_cache_control(CacheControl::no_store()));
    let _: Router = Router::new().route("/", get(stack.handler(show)));
}
