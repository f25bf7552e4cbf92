//! A handler that is a plain function.

use axum::{Router, routing::get};
use wythe::{CacheControl, compose, with_cache_control};

fn hello() -> &'static str {
    "hello"
}

fn main() {
    let stack = compose((with_cache_control(CacheControl::no_store()),));
    let _: Router = Router::new().route("/", get(stack.handler(hello)));
}
