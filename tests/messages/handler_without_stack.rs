//! A handler asks for claims, and there is no stack around it.

use axum::{Router, routing::get};
use serde::Deserialize;
use wythe::Auth;

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

async fn me(Auth(claims): Auth<Claims>) -> String {
    claims.sub
}

async fn greet(caller: Option<Auth<Claims>>) -> String {
    caller.map_or_else(String::new, |Auth(claims)| claims.sub)
}

fn main() {
    let _: Router = Router::new().route("/me", get(me)).route("/greet", get(greet));
}
