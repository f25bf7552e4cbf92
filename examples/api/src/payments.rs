//! `POST /api/payments`: makes a payment, once for each idempotency key.

use axum::{Json, extract::State};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{AnyPool, Row};
use wythe::{Auth, Created, IdempotencyKey, Valid};

use crate::{auth::Claims, error::ServerError, users::UserId};

/// A payment to make.
#[derive(Deserialize, JsonSchema, Validate)]
#[schemars(example = json!({ "amount": 1999, "currency": "EUR" }))]
pub(crate) struct NewPayment {
    /// In cents.
    #[garde(range(min = 1, max = 1_000_000))]
    amount: u32,
    #[garde(skip)]
    currency: Currency,
}

/// The currency of a payment.
#[derive(Clone, Copy, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Currency {
    Eur,
    Usd,
}

/// A payment that was made.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Payment {
    id: i64,
    amount: u32,
    currency: Currency,
}

pub(crate) async fn make_payment(
    State(payments): State<Payments>,
    Auth(claims): Auth<Claims>,
    key: Option<IdempotencyKey>,
    payment: Valid<Json<NewPayment>>,
) -> Result<Created<Payment>, ServerError> {
    let NewPayment { amount, currency } = **payment;
    let id = payments.make(claims.sub, key, amount, currency).await?;
    Ok(Created::new(Payment {
        id,
        amount,
        currency,
    }))
}

/// The payments that were made.
#[derive(Clone)]
pub(crate) struct Payments(AnyPool);

impl Payments {
    pub(crate) fn new(pool: AnyPool) -> Self {
        Self(pool)
    }

    /// Makes a payment, and returns its id: that of the first one, if the user has made a payment with
    /// this key. The layer repeats the answer for a day; the database knows the key also if the server
    /// was killed before the answer was stored.
    async fn make(
        &self,
        user: UserId,
        key: Option<IdempotencyKey>,
        amount: u32,
        currency: Currency,
    ) -> Result<i64, ServerError> {
        let make = "INSERT INTO payments (user_id, key, amount, currency) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (user_id, key) DO UPDATE SET key = excluded.key RETURNING id";
        let currency = match currency {
            Currency::Eur => "EUR",
            Currency::Usd => "USD",
        };
        let row = sqlx::query(make)
            .bind(user.0)
            .bind(key.as_ref().map(IdempotencyKey::as_str))
            .bind(i64::from(amount))
            .bind(currency);
        Ok(row.fetch_one(&self.0).await?.try_get("id")?)
    }
}
