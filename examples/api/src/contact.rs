//! `POST /api/contact`: takes a message, as JSON or from a form.

use axum::extract::State;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{AnyPool, Row};
use wythe::{Background, Created, JsonOrForm, Valid};

use crate::{
    database::{STORABLE, storable},
    error::ServerError,
    retention::Kept,
};

/// A message to us.
#[derive(Deserialize, JsonSchema, Validate)]
#[schemars(example = json!({ "name": "Ada", "email": "ada@example.com", "message": "Hello there" }))]
pub(crate) struct Message {
    /// The name of the sender.
    #[garde(length(chars, min = 1, max = 100), custom(storable))]
    #[schemars(regex(pattern = STORABLE))]
    name: String,
    /// Where to send the answer.
    #[garde(custom(wythe::validation::email))]
    #[schemars(email)]
    email: String,
    /// The text, in plain words.
    #[garde(length(chars, min = 1, max = 5_000), custom(storable))]
    #[schemars(regex(pattern = STORABLE))]
    message: String,
}

/// The message has been stored.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Received {
    status: &'static str,
    id: i64,
}

pub(crate) async fn send_message(
    State(messages): State<Messages>,
    State(background): State<Background>,
    message: Valid<JsonOrForm<Message>>,
) -> Result<Created<Received>, ServerError> {
    let id = messages.add(&message).await?;
    Kept::Messages.delete_oldest(messages.0, &background);
    let status = "received";
    Ok(Created::new(Received { status, id }))
}

/// The messages that were received.
#[derive(Clone)]
pub(crate) struct Messages(AnyPool);

impl Messages {
    pub(crate) fn new(pool: AnyPool) -> Self {
        Self(pool)
    }

    async fn add(&self, message: &Message) -> Result<i64, ServerError> {
        let add = "INSERT INTO messages (name, email, message) VALUES ($1, $2, $3) RETURNING id";
        let row = sqlx::query(add).bind(&message.name).bind(&message.email);
        let row = row.bind(&message.message).fetch_one(&self.0).await?;
        Ok(row.try_get("id")?)
    }
}
