//! axum alone: the baseline.

use axum::{Json, Router, http::StatusCode, routing::post};

use crate::user::{Created, NewUser};

/// A router with a handler that does nothing.
pub(crate) fn router() -> Router {
    Router::new().route("/users", post(async || StatusCode::CREATED))
}

/// A router with a handler that reads and writes JSON.
pub(crate) fn json() -> Router {
    Router::new().route("/users", post(create_user))
}

async fn create_user(Json(user): Json<NewUser>) -> (StatusCode, Json<Created>) {
    let NewUser { name, email, age } = user;
    std::hint::black_box((email, age));
    (StatusCode::CREATED, Json(Created { id: 7, name }))
}
