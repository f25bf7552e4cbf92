//! `GET /api/posts/{user_id}/{post_id}`: several parameters in the path.

use std::time::Duration;

use axum::{Json, extract::Path};
use serde::{Deserialize, Serialize};
use wythe::{CacheControl, compose, with_cache_control};

use crate::route::Route;

pub(crate) fn route() -> Route {
    let minute = CacheControl::public().max_age(Duration::from_secs(60));
    let stack = compose((with_cache_control(minute),));
    Route::get("/api/posts/{user_id}/{post_id}", stack.handler(post))
        .curl(|curl| curl.example("/api/posts/7/42"))
}

/// Read from the path, and sent back.
#[derive(Deserialize, Serialize)]
pub(crate) struct Post {
    user_id: u64,
    post_id: u64,
}

async fn post(Path(post): Path<Post>) -> Json<Post> {
    Json(post)
}
