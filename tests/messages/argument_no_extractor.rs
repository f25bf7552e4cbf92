//! A handler's argument that nothing extracts.

use axum::{Router, routing::get};
use wythe::{CacheControl, compose, with_cache_control};

struct Session(String);

async fn hello(session: Session) -> String {
    session.0
}

fn main() {
    let stack = compose((with_cache_control(CacheControl::no_store()),));
    let _: Router = Router::new().route("/", get(stack.handler(hello)));
}
