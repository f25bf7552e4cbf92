//! `GET /api/docs/{*path}`: the rest of the path.

use axum::Json;
use serde::Serialize;
use wythe::Path;

#[derive(Serialize)]
pub(crate) struct Doc {
    path: String,
    segments: Vec<String>,
}

pub(crate) async fn docs(Path(path): Path<String>) -> Json<Doc> {
    let segments = path.split('/').map(str::to_owned).collect();
    Json(Doc { path, segments })
}
