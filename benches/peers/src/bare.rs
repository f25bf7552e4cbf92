//! axum alone: the baseline.

use axum::{Json, Router, http::StatusCode, routing::post};

use crate::full_stack::{Created, NewUser};

/// A router with a handler that does nothing.
pub(crate) fn router() -> Router {
    Router::new().route("/users", post(async || StatusCode::CREATED))
}

/// A router with a handler that reads and writes JSON.
pub(crate) fn json() -> Router {
    Router::new().route("/users", post(create_user))
}

async fn create_user(Json(user): Json<NewUser>) -> (StatusCode, Json<Created>) {
    (StatusCode::CREATED, Json(user.into()))
}
