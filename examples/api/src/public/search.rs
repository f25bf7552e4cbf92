//! `GET /api/search`: a query with a repeated key.

use axum::{Json, extract::Query};
use garde::Validate;
use serde::{Deserialize, Serialize};
use wythe::Valid;

/// Read from the query, and sent back.
#[derive(Deserialize, Serialize, Validate)]
pub(crate) struct Search {
    #[garde(length(chars, min = 1, max = 100))]
    q: String,
    #[serde(default)]
    #[garde(length(max = 10), inner(length(chars, min = 1, max = 30)))]
    tag: Vec<String>,
}

pub(crate) async fn search(search: Valid<Query<Search>>) -> Json<Search> {
    let Query(search) = search.into_inner();
    Json(search)
}
