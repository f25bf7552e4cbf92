//! A route of an `Api` takes a handler in its stack, not a `MethodRouter` of axum.

use axum::routing::get;
use wythe::{Api, compose};

async fn hello() -> &'static str {
    "hello"
}

fn main() {
    let api = Api::<()>::new("Hello", "1.0.0").get("/", get(compose(()).handler(hello)));
}
