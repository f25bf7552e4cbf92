//! A form is accepted if and only if it is well formed and serde and the rules accept it, in any
//! framing; what was accepted is accepted again after it is serialized. The first byte is the size
//! of the frames.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use garde::Validate;
use http::{Request, Response};
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};
use wythe::{Form, Placed, Provided, Valid, Validation, with_validation};
use wythe_fuzz::{Frames, Handler, errors, is_urlencoded, problem, send};

const LIMIT: usize = 1024;

#[derive(Debug, PartialEq, Deserialize, Serialize, Validate)]
struct Contact {
    #[garde(length(chars, min = 2, max = 20))]
    name: String,
    #[serde(default)]
    #[garde(length(max = 3), inner(length(bytes, min = 1)))]
    tag: Vec<String>,
    #[garde(range(min = 18))]
    age: Option<u8>,
    #[garde(skip)]
    note: Option<String>,
    #[garde(skip)]
    reply: Reply,
}

#[derive(Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    Email,
    Phone,
}

static LAYER: LazyLock<Placed<Validation<Form<Contact>>>> =
    LazyLock::new(|| with_validation().max_body_bytes(LIMIT));

fn post(body: Frames) -> Response<Bytes> {
    let request = Request::post("/").header("content-type", "application/x-www-form-urlencoded");
    send(&*LAYER, request.body(body).unwrap(), Handler::default())
}

fn contact(response: &mut Response<Bytes>) -> Contact {
    let valid = Valid::<Form<Contact>>::from_extensions(response.extensions_mut());
    valid.unwrap().into_inner().0
}

fuzz_target!(|data: &[u8]| {
    let Some((size, body)) = data.split_first() else {
        return;
    };
    let mut response = post(Bytes::copy_from_slice(body).into());
    let in_frames = post(Frames::slow(body, *size));
    assert_eq!(in_frames.status(), response.status());
    assert_eq!(in_frames.body(), response.body());

    // Here the two readers differ: a key with brackets is rejected, and so is a number with a `+`.
    let mut pairs = form_urlencoded::parse(body);
    if pairs.any(|(key, value)| key.contains('[') || value.starts_with('+')) {
        assert!([200, 400, 413, 415, 422].contains(&response.status().as_u16()));
        return;
    }
    let read = serde_html_form::from_bytes::<Contact>(body);
    let expected = match &read {
        _ if body.len() > LIMIT => 413,
        _ if !is_urlencoded(body) => 400,
        Ok(contact) if contact.validate().is_ok() => 200,
        _ => 422,
    };
    assert_eq!(response.status(), expected, "{read:?}");
    if expected != 200 {
        let problem = problem(&response);
        if expected == 422 {
            errors(&problem);
        }
        return;
    }
    let first = contact(&mut response);
    assert_eq!(first, read.unwrap());
    let written = serde_html_form::to_string(&first).unwrap();
    // With more escapes than before, it may be too long.
    if written.len() <= LIMIT {
        let mut response = post(Bytes::from(written).into());
        assert_eq!(first, contact(&mut response));
    }
});
