//! An API key passes unchanged; with one byte changed it is rejected, and so is any other text. Two
//! keys are rejected as multiple credentials, wherever they are.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, Request, header::AUTHORIZATION};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use wythe::{
    ApiKey, Auth,
    auth::{ApiKeyFormat, ApiKeyHash},
    with_auth,
};
use wythe_fuzz::{Handler, problem, send};

/// The same in every run, so that findings can be reproduced.
const KEY: &str = "wy_test_0123456789AB_abcdefghijklmnopqrstuvwxyz0123452hYCSN";

static FORMAT: LazyLock<ApiKeyFormat> = LazyLock::new(|| ApiKeyFormat::new("wy_test").unwrap());
static BY_ID: LazyLock<ApiKey<()>> = LazyLock::new(|| {
    let stored = ApiKeyHash::of(KEY).unwrap();
    // Whatever the id, so that only the hash decides.
    ApiKey::lookup_id(FORMAT.clone(), move |_| Some((stored, ()))).or_bearer()
});
static LISTED: LazyLock<ApiKey<()>> = LazyLock::new(|| {
    let stored = ApiKeyHash::of(KEY).unwrap();
    ApiKey::list([(stored, ())]).unwrap().or_bearer()
});

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// The index of a byte of the key, and its new value.
    at: u8,
    to: u8,
    raw: &'a [u8],
}

/// The response of both schemes to these fields; 400 if one is not a valid field.
fn status(fields: &[(HeaderName, &[u8])]) -> [u16; 2] {
    let line = |(name, value): &(HeaderName, &[u8])| {
        Some((name.clone(), HeaderValue::from_bytes(value).ok()?))
    };
    let Some(headers) = fields.iter().map(line).collect::<Option<HeaderMap>>() else {
        return [400; 2];
    };
    [&*BY_ID, &*LISTED].map(|scheme| {
        let mut request = Request::new(Default::default());
        *request.headers_mut() = headers.clone();
        let response = send(&with_auth(scheme.clone()), request, Handler::default());
        if response.extensions().get::<Auth<()>>().is_none() {
            problem(&response);
            let asks = response.headers().contains_key("www-authenticate");
            assert!(asks || response.status() == 400, "{response:?}");
        }
        response.status().as_u16()
    })
}

fuzz_target!(|input: Input<'_>| {
    let field = HeaderName::from_static("x-api-key");
    let as_bearer = |key: &[u8]| [b"Bearer ", key].concat();
    let both_places = |key: &[u8]| {
        let bearer = as_bearer(key);
        let answers = [
            status(&[(field.clone(), key)]),
            status(&[(AUTHORIZATION, &bearer)]),
        ];
        // Whitespace around the field's value, or between the scheme and the token, is not part of
        // the key.
        if !key.starts_with(b" ") {
            assert_eq!(answers[0], answers[1]);
        }
        answers.concat()
    };
    let key = KEY.as_bytes();
    assert_eq!(both_places(key), [200; 4]);
    assert_eq!(FORMAT.id(KEY), Ok("0123456789AB"));

    let mut changed = key.to_vec();
    let at = usize::from(input.at) % changed.len();
    changed[at] = input.to;
    let passes = |answers: &[u16]| answers.contains(&200);
    if changed != key {
        // A space before the token is not part of it, but then a byte of the key is missing.
        assert!(!passes(&both_places(&changed)));
        // One changed byte is a burst error of at most eight bits, which CRC-32 detects.
        let changed = std::str::from_utf8(&changed);
        assert!(changed.map_or(true, |changed| FORMAT.id(changed).is_err()));
    }
    if input.raw.trim_ascii() != key {
        assert!(!passes(&both_places(input.raw)));
    }

    let bearer = as_bearer(key);
    for fields in [
        [(field.clone(), key), (field.clone(), input.raw)],
        [(field.clone(), input.raw), (field.clone(), key)],
        [(field.clone(), input.raw), (AUTHORIZATION, &bearer)],
        [(AUTHORIZATION, input.raw), (AUTHORIZATION, &bearer)],
    ] {
        assert_eq!(status(&fields), [400; 2]);
    }
});
