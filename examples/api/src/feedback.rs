//! `POST /api/feedback`: takes the opinion of a visitor, as JSON or from a form.

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

/// The opinion of a visitor.
#[derive(Deserialize, JsonSchema, Validate)]
#[schemars(example = json!({
    "name": "Ada", "email": "ada@example.com", "message": "It works", "rating": 5
}))]
pub(crate) struct NewFeedback {
    /// The name of the visitor.
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
    /// From 1 (bad) to 5 (good).
    #[garde(range(min = 1, max = 5))]
    rating: u8,
}

/// The feedback has been stored.
#[derive(JsonSchema, Serialize)]
pub(crate) struct StoredFeedback {
    id: i64,
    rating: u8,
}

pub(crate) async fn give_feedback(
    State(feedback): State<Feedback>,
    State(background): State<Background>,
    new: Valid<JsonOrForm<NewFeedback>>,
) -> Result<Created<StoredFeedback>, ServerError> {
    let id = feedback.add(&new).await?;
    Kept::Feedback.delete_oldest(feedback.0, &background);
    let rating = new.rating;
    Ok(Created::new(StoredFeedback { id, rating }))
}

/// The feedback that was received.
#[derive(Clone)]
pub(crate) struct Feedback(AnyPool);

impl Feedback {
    pub(crate) fn new(pool: AnyPool) -> Self {
        Self(pool)
    }

    async fn add(&self, new: &NewFeedback) -> Result<i64, ServerError> {
        let add = "INSERT INTO feedback (name, email, message, rating) VALUES ($1, $2, $3, $4) \
                   RETURNING id";
        let row = sqlx::query(add).bind(&new.name).bind(&new.email);
        let row = row.bind(&new.message).bind(i64::from(new.rating));
        Ok(row.fetch_one(&self.0).await?.try_get("id")?)
    }
}
