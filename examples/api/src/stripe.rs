//! `POST /api/webhooks/stripe`: takes what Stripe says about payments.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::json;
use sqlx::AnyPool;
use wythe::{ConfigError, Verified, webhook::WebhookScheme};

use crate::{
    clock::Clock,
    config::WebhookSecret,
    database::{STORABLE, storable},
    error::ServerError,
};

/// An event of Stripe. Those of other types are received and ignored.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type")]
#[schemars(example = json!({
    "id": "evt_1",
    "type": "payment_intent.succeeded",
    "data": { "object": { "id": "pi_1", "amount": 1099, "currency": "eur" } },
}))]
pub(crate) enum StripeEvent {
    /// A payment was made.
    #[serde(rename = "payment_intent.succeeded")]
    Succeeded { data: EventData },
    /// An attempt to pay failed.
    #[serde(rename = "payment_intent.payment_failed")]
    Failed { data: EventData },
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

/// What the event is about.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct EventData {
    object: PaymentIntent,
}

/// A payment.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct PaymentIntent {
    #[serde(deserialize_with = "text")]
    #[schemars(regex(pattern = STORABLE))]
    id: String,
    /// In the smallest unit of the currency.
    amount: i64,
    #[serde(deserialize_with = "text")]
    #[schemars(regex(pattern = STORABLE))]
    currency: String,
}

/// A text that can be stored.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    storable(&text, &()).map_err(D::Error::custom)?;
    Ok(text)
}

/// The event was received.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Acknowledged {
    received: bool,
}

/// How Stripe signs, with this secret.
pub(crate) fn scheme(secret: &WebhookSecret, clock: &Clock) -> Result<WebhookScheme, ConfigError> {
    let clock = clock.clone();
    Ok(WebhookScheme::stripe(secret.text())?.clock(move || clock.now()))
}

pub(crate) async fn receive_event(
    State(payments): State<StripePayments>,
    event: Verified<StripeEvent>,
) -> Result<Json<Acknowledged>, ServerError> {
    match event.event() {
        StripeEvent::Succeeded { data } => payments.settle(&data.object, "succeeded").await?,
        StripeEvent::Failed { data } => payments.settle(&data.object, "failed").await?,
        StripeEvent::Other => {}
    }
    Ok(Json(Acknowledged { received: true }))
}

/// The payments that Stripe has told us of.
#[derive(Clone)]
pub(crate) struct StripePayments(AnyPool);

impl StripePayments {
    pub(crate) fn new(pool: AnyPool) -> Self {
        Self(pool)
    }

    /// Events may come in another order than they happened: a payment that succeeded stays so.
    async fn settle(&self, payment: &PaymentIntent, status: &str) -> Result<(), ServerError> {
        let settle = "INSERT INTO stripe_payments (id, amount, currency, status) \
                      VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE \
                      SET status = excluded.status WHERE stripe_payments.status <> 'succeeded'";
        let settle = sqlx::query(settle).bind(&payment.id).bind(payment.amount);
        let settle = settle.bind(&payment.currency).bind(status);
        settle.execute(&self.0).await?;
        Ok(())
    }
}
