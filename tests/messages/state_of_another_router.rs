//! A handler asks for a state that the router does not have.

use axum::{Router, extract::State, routing::get};
use wythe::{CacheControl, compose, with_cache_control};

#[derive(Clone)]
struct App;

#[derive(Clone)]
struct Database;

async fn list(State(_): State<Database>) -> &'static str {
    "[]"
}

fn main() {
    let stack = compose(with_cache_control(CacheControl::no_store()));
    let _: Router = Router::new()
        .route("/", get(stack.handler(list)))
        .with_state(App);
}
