//! `GET /api/data`: data that pages of every origin may read, and shared caches may keep.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;

/// The path, which has a CORS policy of its own.
pub(crate) const PATH: &str = "/api/data";

/// What a payment can be made in.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Currency {
    code: &'static str,
    name: &'static str,
}

/// Data for everybody.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Data {
    currencies: [Currency; 2],
}

pub(crate) async fn show_data() -> Json<Data> {
    let currency = |code, name| Currency { code, name };
    Json(Data {
        currencies: [currency("EUR", "Euro"), currency("USD", "US dollar")],
    })
}
