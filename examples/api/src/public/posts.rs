//! `GET /api/posts/{user_id}/{post_id}`: several parameters in the path.

use axum::Json;
use serde::{Deserialize, Serialize};
use wythe::Path;

/// Read from the path, and sent back.
#[derive(Deserialize, Serialize)]
pub(crate) struct Post {
    user_id: u64,
    post_id: u64,
}

pub(crate) async fn post(Path(post): Path<Post>) -> Json<Post> {
    Json(post)
}
