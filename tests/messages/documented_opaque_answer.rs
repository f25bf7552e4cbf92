//! `impl IntoResponse` does not say what it answers.

use axum::response::IntoResponse;
use wythe::{Api, compose};

async fn show() -> impl IntoResponse {
    "a user"
}

fn main() {
    let api = Api::<()>::new("Users", "1.0.0")
        .documented()
        .get("/user", compose(()).handler(show));
}
