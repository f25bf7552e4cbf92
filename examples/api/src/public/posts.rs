//! `GET /api/posts/{user_id}/{post_id}`: several parameters in the path.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wythe::Path;

// Read from the path, and sent back.
/// A post of a user.
#[derive(Deserialize, JsonSchema, Serialize)]
pub(crate) struct Post {
    /// The id of the author.
    user_id: u64,
    /// The id of the post.
    post_id: u64,
}

pub(crate) async fn show_post(Path(post): Path<Post>) -> Json<Post> {
    Json(post)
}
