//! `GET /api/docs/{*path}`: the rest of the path.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;
use wythe::Path;

/// The path of a document.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Doc {
    path: String,
    /// The parts of the path between the slashes.
    segments: Vec<String>,
}

pub(crate) async fn show_doc(Path(path): Path<String>) -> Json<Doc> {
    let segments = path.split('/').map(str::to_owned).collect();
    Json(Doc { path, segments })
}
