//! Nested keys of a form never panic; a form without brackets gives the same value with and without
//! the setting; a value that is written as keys comes back.
#![no_main]

use std::{collections::BTreeMap, sync::LazyLock};

use bytes::Bytes;
use garde::Validate;
use http::{Request, Response, header};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use wythe::{Form, Placed, Provided, Valid, Validation, with_validation};
use wythe_fuzz::{Handler, problem, send};

#[derive(Debug, Default, PartialEq, Deserialize, Validate)]
#[garde(allow_unvalidated)]
struct Order {
    #[serde(default)]
    note: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    address: BTreeMap<String, String>,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Debug, Default, PartialEq, Deserialize, Validate)]
#[garde(allow_unvalidated)]
struct Item {
    name: String,
    price: u16,
}

type Layer = Placed<Validation<Form<Order>>>;

static FLAT: LazyLock<Layer> = LazyLock::new(with_validation);
static NESTED: LazyLock<Layer> = LazyLock::new(|| with_validation().nested_keys());

fn post(layer: &Layer, body: &[u8]) -> Response<Bytes> {
    let form = "application/x-www-form-urlencoded";
    let request = Request::post("/").header(header::CONTENT_TYPE, form);
    let request = request.body(Bytes::copy_from_slice(body).into()).unwrap();
    send(layer, request, Handler::default())
}

fn order(mut response: Response<Bytes>) -> Option<Order> {
    if response.status() != 200 {
        assert!([400, 413, 422].contains(&response.status().as_u16()));
        let _ = problem(&response);
        return None;
    }
    let valid = Valid::<Form<Order>>::from_extensions(response.extensions_mut());
    Some(valid.unwrap().into_inner().0)
}

/// The value as keys, with indexes or `[]`.
fn written(order: &Order, with_indexes: bool) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("note", &order.note);
    for (index, tag) in order.tags.iter().enumerate() {
        let key = if with_indexes {
            format!("tags[{index}]")
        } else {
            "tags[]".to_owned()
        };
        form.append_pair(&key, tag);
    }
    for (name, line) in &order.address {
        form.append_pair(&format!("address[{name}]"), line);
    }
    for (index, item) in order.items.iter().enumerate() {
        form.append_pair(&format!("items[{index}][name]"), &item.name);
        form.append_pair(&format!("items[{index}][price]"), &item.price.to_string());
    }
    form.finish()
}

fuzz_target!(|data: &[u8]| {
    let nested = order(post(&NESTED, data));
    let keys = form_urlencoded::parse(data);
    if !keys.into_iter().any(|(key, _)| key.contains(['[', ']'])) {
        assert_eq!(nested, order(post(&FLAT, data)));
    }
    let Some(order_of_data) = nested else { return };
    let names = order_of_data.address.keys();
    if names
        .into_iter()
        .any(|name| name.is_empty() || name.contains(['[', ']']))
    {
        return;
    }
    for with_indexes in [true, false] {
        let again = order(post(
            &NESTED,
            written(&order_of_data, with_indexes).as_bytes(),
        ));
        assert_eq!(again.as_ref(), Some(&order_of_data));
    }
});
