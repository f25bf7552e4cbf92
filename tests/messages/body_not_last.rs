//! A handler that takes the body before its last argument.

use axum::{Router, http::Method, routing::post};
use wythe::{CacheControl, compose, with_cache_control};

async fn echo(body: String, method: Method) -> String {
    format!("{method} {body}")
}

fn main() {
    let stack = compose((with_cache_control(CacheControl::no_store()),));
    let _: Router = Router::new().route("/", post(stack.handler(echo)));
}
