//! `GET /api/search`: a query with a repeated key.

use axum::{Json, extract::Query};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wythe::Valid;

// Read from the query, and sent back.
/// What to search for.
#[derive(Deserialize, JsonSchema, Serialize, Validate)]
pub(crate) struct Search {
    /// The words to search for.
    #[schemars(example = &"towers")]
    #[garde(length(chars, min = 1, max = 100))]
    q: String,
    /// Only posts with all of these tags.
    #[serde(default)]
    #[garde(length(max = 10), inner(length(chars, min = 1, max = 30)))]
    tag: Vec<String>,
}

pub(crate) async fn search(search: Valid<Query<Search>>) -> Json<Search> {
    let Query(search) = search.into_inner();
    Json(search)
}
