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
    // The client does not wait for this. If too much is running already, the next message does it.
    let clean_up = async move {
        match messages.delete_oldest().await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "deleted the oldest messages"),
            Err(error) => tracing::error!(?error, "can't delete the oldest messages"),
        }
    };
    if let Err(error) = background.spawn(clean_up) {
        tracing::warn!(%error, "the oldest messages are deleted later");
    }
    let status = "received";
    Ok(Created::new(Received { status, id }))
}

/// The messages that were received.
#[derive(Clone)]
pub(crate) struct Messages(AnyPool);

/// How many messages are kept.
const MAX_MESSAGES: i64 = 10_000;

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

    /// Deletes all but the latest messages, and returns how many that were.
    async fn delete_oldest(&self) -> Result<u64, ServerError> {
        let delete = "DELETE FROM messages WHERE id <= (SELECT max(id) FROM messages) - $1";
        let deleted = sqlx::query(delete).bind(MAX_MESSAGES).execute(&self.0);
        Ok(deleted.await?.rows_affected())
    }
}
