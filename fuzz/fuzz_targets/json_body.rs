//! A JSON body is accepted if and only if serde and the rules accept it, in any framing. The first
//! byte is the size of the frames.
#![no_main]

use std::{collections::BTreeMap, str, sync::LazyLock};

use bytes::Bytes;
use garde::Validate;
use http::{Request, Response};
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use wythe::{Json, Placed, Provided, Valid, Validation, with_validation};
use wythe_fuzz::{Frames, Handler, errors, place, problem, send};

const LIMIT: usize = 1024;

#[derive(Debug, PartialEq, Deserialize, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    #[garde(dive)]
    ship_to: Name,
    #[garde(custom(wythe::validation::email))]
    email: String,
    #[garde(length(max = 3), dive)]
    order_items: Vec<Item>,
    #[garde(dive)]
    payment: Payment,
    #[serde(default)]
    #[garde(dive)]
    extras: BTreeMap<String, Item>,
    #[garde(skip)]
    note: Option<Value>,
}

#[derive(Debug, PartialEq, Deserialize, Validate)]
struct Name(#[garde(length(chars, min = 2, max = 9))] String);

#[derive(Debug, PartialEq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Item {
    #[garde(ascii)]
    sku: String,
    #[garde(range(min = 1))]
    count: Option<i8>,
}

#[derive(Debug, PartialEq, Deserialize, Validate)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Payment {
    Cash,
    Card {
        #[garde(length(equal = 4))]
        last_four: String,
    },
    Voucher(#[garde(range(min = 1))] u32),
}

static LAYER: LazyLock<Placed<Validation<Json<Order>>>> =
    LazyLock::new(|| with_validation().max_body_bytes(LIMIT));

fn post(body: Frames) -> Response<Bytes> {
    let request = Request::post("/orders").header("content-type", "application/json");
    send(&*LAYER, request.body(body).unwrap(), Handler::default())
}

fuzz_target!(|data: &[u8]| {
    let Some((size, body)) = data.split_first() else {
        return;
    };
    let mut response = post(Bytes::copy_from_slice(body).into());
    let in_frames = post(Frames::slow(body, *size));
    assert_eq!(in_frames.status(), response.status());
    assert_eq!(in_frames.body(), response.body());

    let order = str::from_utf8(body).map(serde_json::from_str::<Order>);
    let expected = match &order {
        _ if body.len() > LIMIT => 413,
        Err(_) => 400,
        Ok(Err(error)) => {
            // What follows the first value that does not fit may be malformed.
            let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
            // serde_json calls `{}` in place of a variant a fault of the syntax.
            let is_data = error.is_data() || error.to_string().starts_with("expected value");
            if is_data && is_json { 422 } else { 400 }
        }
        Ok(Ok(order)) => {
            if order.validate().is_ok() {
                200
            } else {
                422
            }
        }
    };
    assert_eq!(response.status(), expected, "{order:?}");
    if let (200, Ok(Ok(order))) = (expected, &order) {
        let valid = Valid::<Json<Order>>::from_extensions(response.extensions_mut());
        assert_eq!(&valid.unwrap().into_inner().0, order);
        assert_eq!(response.body(), body);
        return;
    }
    let problem = problem(&response);
    if expected == 422 {
        let document = serde_json::from_slice(body).unwrap_or_default();
        for error in errors(&problem) {
            let place = place(&document, error);
            // Errors of the rules point at what the client sent; those of serde may point at what
            // is missing.
            assert!(place.is_some() || !matches!(order, Ok(Ok(_))), "{problem}");
        }
    }
});
