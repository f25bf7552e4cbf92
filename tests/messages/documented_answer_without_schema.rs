//! A documented `Api` demands a schema of what a handler returns.

use axum::Json;
use serde::Serialize;
use wythe::{Api, compose};

#[derive(Serialize)]
struct User {
    id: u64,
}

async fn show() -> Json<User> {
    Json(User { id: 7 })
}

fn main() {
    let api = Api::<()>::new("Users", "1.0.0")
        .documented()
        .get("/user", compose(()).handler(show));
}
