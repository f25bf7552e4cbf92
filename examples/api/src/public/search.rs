//! `GET /api/search`: a query with a repeated key.

use axum::{Json, extract::Query};
use garde::Validate;
use serde::{Deserialize, Serialize};
use wythe::{Valid, compose, with_validation};

use crate::route::Route;

pub(crate) fn route() -> Route {
    let stack = compose((with_validation::<Query<Search>>(),));
    Route::get("/api/search", stack.handler(search))
        .curl(|curl| curl.query("q=towers&tag=rust&tag=http"))
}

/// Read from the query, and sent back.
#[derive(Deserialize, Serialize, Validate)]
pub(crate) struct Search {
    #[garde(length(chars, min = 1, max = 100))]
    q: String,
    #[serde(default)]
    #[garde(length(max = 10), inner(length(chars, min = 1, max = 30)))]
    tag: Vec<String>,
}

async fn search(search: Valid<Query<Search>>) -> Json<Search> {
    let Query(search) = search.into_inner();
    Json(search)
}
