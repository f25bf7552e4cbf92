//! `GET /api/hello`: says hello.

use axum::Json;
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Greeting {
    message: &'static str,
}

pub(crate) async fn hello() -> Json<Greeting> {
    Json(Greeting {
        message: "Hello, world!",
    })
}
