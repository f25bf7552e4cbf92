//! `GET /api/hello`: says hello.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;

/// A greeting.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Greeting {
    message: &'static str,
}

pub(crate) async fn say_hello() -> Json<Greeting> {
    Json(Greeting {
        message: "Hello, world!",
    })
}
