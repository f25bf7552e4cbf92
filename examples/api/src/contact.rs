//! `POST /api/contact`: takes a message, as JSON or from a form.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqlitePool};
use wythe::{JsonOrForm, Problem, Valid};

use crate::database::StoreError;

#[derive(Deserialize, Validate)]
pub(crate) struct Message {
    #[garde(length(chars, min = 1, max = 100))]
    name: String,
    #[garde(custom(wythe::validation::email))]
    email: String,
    #[garde(length(chars, min = 1, max = 5_000))]
    message: String,
}

#[derive(Serialize)]
pub(crate) struct Received {
    status: &'static str,
    id: i64,
}

pub(crate) async fn contact(
    State(messages): State<Messages>,
    message: Valid<JsonOrForm<Message>>,
) -> Result<(StatusCode, Json<Received>), Problem> {
    let id = messages.add(&message).await?;
    let status = "received";
    Ok((StatusCode::CREATED, Json(Received { status, id })))
}

/// The messages that were received.
#[derive(Clone)]
pub(crate) struct Messages(SqlitePool);

impl Messages {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self(pool)
    }

    async fn add(&self, message: &Message) -> Result<i64, StoreError> {
        let add = "INSERT INTO messages (name, email, message) VALUES (?, ?, ?) RETURNING id";
        let row = sqlx::query(add).bind(&message.name).bind(&message.email);
        let row = row.bind(&message.message).fetch_one(&self.0).await?;
        Ok(row.try_get("id")?)
    }
}
