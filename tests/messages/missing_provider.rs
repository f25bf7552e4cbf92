//! A handler asks for claims, and no layer finds out who it is.

use axum::{Router, routing::get};
use serde::Deserialize;
use wythe::{Auth, CacheControl, compose, with_cache_control};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

async fn me(Auth(claims): Auth<Claims>) -> String {
    claims.sub
}

fn main() {
    let stack = compose((with_cache_control(CacheControl::no_store()),));
    let _: Router = Router::new().route("/me", get(stack.handler(me)));
}
