//! `GET /api/hello`: says hello, and lets a CDN cache that for a minute.

use std::time::Duration;

use axum::Json;
use serde::Serialize;
use wythe::{CacheControl, compose, with_cache_control};

use crate::route::Route;

pub(crate) fn route() -> Route {
    let stack = compose((with_cache_control(
        CacheControl::public()
            .s_maxage(Duration::from_secs(60))
            .stale_while_revalidate(Duration::from_secs(300)),
    ),));
    Route::get("/api/hello", stack.handler(hello)).curl(|curl| curl)
}

#[derive(Serialize)]
pub(crate) struct Greeting {
    message: &'static str,
}

async fn hello() -> Json<Greeting> {
    Json(Greeting {
        message: "Hello, world!",
    })
}
