//! `GET /api/docs/{*path}`: the rest of the path.

use std::time::Duration;

use axum::{Json, extract::Path};
use serde::Serialize;
use wythe::{CacheControl, compose, with_cache_control};

use crate::route::Route;

pub(crate) fn route() -> Route {
    let minute = CacheControl::public().max_age(Duration::from_secs(60));
    let stack = compose((with_cache_control(minute),));
    Route::get("/api/docs/{*path}", stack.handler(doc))
        .curl(|curl| curl.example("/api/docs/guide/first/steps"))
}

#[derive(Serialize)]
pub(crate) struct Doc {
    path: String,
    segments: Vec<String>,
}

async fn doc(Path(path): Path<String>) -> Json<Doc> {
    let segments = path.split('/').map(str::to_owned).collect();
    Json(Doc { path, segments })
}
