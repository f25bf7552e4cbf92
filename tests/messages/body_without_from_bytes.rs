//! A layer further in that makes a body no layer can answer with.

use axum::{Router, response::Response, routing::get};
use http_body_util::combinators::UnsyncBoxBody;
use tower::util::MapResponseLayer;
use wythe::{CacheControl, compose, layer, with_cache_control};

async fn hello() -> &'static str {
    "hello"
}

fn main() {
    let boxed = MapResponseLayer::new(|response: Response| response.map(UnsyncBoxBody::new));
    let stack = compose((with_cache_control(CacheControl::no_store()), layer(boxed)));
    let _: Router = Router::new().route("/", get(stack.handler(hello)));
}
