//! `POST /api/payments`: makes a payment, once for each idempotency key.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{AnyPool, FromRow, Row, any::AnyRow};
use wythe::{Auth, Created, IdempotencyKey, Problem, Valid};

use crate::{
    BoxError,
    auth::Claims,
    error::{ServerError, one_of, problem},
    users::UserId,
};

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
#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Serialize)]
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

problem! {
    /// The user has made another payment with the same key.
    pub(crate) struct OtherPayment = "when the key was used for another payment";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
        .detail("This `Idempotency-Key` was used for another payment. Use a new key for each payment.")
}

one_of! {
    pub(crate) enum PaymentError {
        OtherPayment,
        ServerError,
    }
}

pub(crate) async fn make_payment(
    State(payments): State<Payments>,
    Auth(claims): Auth<Claims>,
    key: Option<IdempotencyKey>,
    payment: Valid<Json<NewPayment>>,
) -> Result<Created<Payment>, PaymentError> {
    let NewPayment { amount, currency } = **payment;
    let made = payments.make(claims.sub, key, amount, currency).await?;
    if made.amount != amount || made.currency != currency {
        return Err(OtherPayment.into());
    }
    Ok(Created::new(made))
}

/// The payments that were made.
#[derive(Clone)]
pub(crate) struct Payments(AnyPool);

impl Payments {
    pub(crate) fn new(pool: AnyPool) -> Self {
        Self(pool)
    }

    /// Makes a payment, and returns it: or the first one, if the user has made a payment with this key. The
    /// layer repeats the answer for a day; the database knows the key also if the server was killed before the
    /// answer was stored.
    async fn make(
        &self,
        user: UserId,
        key: Option<IdempotencyKey>,
        amount: u32,
        currency: Currency,
    ) -> Result<Payment, ServerError> {
        let make = "INSERT INTO payments (user_id, key, amount, currency) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (user_id, key) DO UPDATE SET key = excluded.key \
                    RETURNING id, amount, currency";
        let payment = sqlx::query_as(make)
            .bind(user.0)
            .bind(key.as_ref().map(IdempotencyKey::as_str))
            .bind(i64::from(amount))
            .bind(currency.code());
        Ok(payment.fetch_one(&self.0).await?)
    }
}

impl Currency {
    fn code(self) -> &'static str {
        match self {
            Self::Eur => "EUR",
            Self::Usd => "USD",
        }
    }
}

impl FromRow<'_, AnyRow> for Payment {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let code: String = row.try_get("currency")?;
        let currency = [Currency::Eur, Currency::Usd]
            .into_iter()
            .find(|currency| currency.code() == code);
        let amount: i64 = row.try_get("amount")?;
        Ok(Self {
            id: row.try_get("id")?,
            amount: amount.try_into().map_err(decode_error)?,
            currency: currency.ok_or_else(|| decode_error("unknown currency"))?,
        })
    }
}

fn decode_error(error: impl Into<BoxError>) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}
