//! Shared by the tests of `with_cors`.
#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "each test file uses some of it"
)]

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use wythe::{Cors, With, with_cors};

use super::{Body, empty};

pub const APP: &str = "https://app.example.com";
pub const PREFLIGHT_VARY: &str =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

pub fn one_origin() -> With<Cors> {
    with_cors(Cors::origins([APP]).unwrap().credentials())
}

pub fn two_origins() -> With<Cors> {
    let origins = [APP, "https://admin.example.com"];
    let cors = Cors::origins(origins).unwrap().credentials();
    with_cors(cors.exposed_headers(["etag", "x-total"]).unwrap())
}

pub fn request(method: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri("/users");
    for (name, value) in fields {
        // Bytes as they come over the wire, not only ASCII.
        request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request.body(empty()).unwrap()
}

pub fn preflight(origin: &str, method: &str, headers: Option<&str>) -> Request<Body> {
    let mut fields = vec![
        ("origin", origin),
        ("access-control-request-method", method),
    ];
    fields.extend(headers.map(|headers| ("access-control-request-headers", headers)));
    request("OPTIONS", &fields)
}

/// All values of a field, joined as a recipient joins them.
pub fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// The fields of CORS in a response, without `access-control-`.
pub fn cors_fields(headers: &HeaderMap) -> BTreeSet<&str> {
    let names = headers.keys().map(|name| name.as_str());
    names
        .filter_map(|name| name.strip_prefix("access-control-"))
        .collect()
}

/// A preflight is answered by a 204 that allows nothing.
#[track_caller]
pub fn assert_refused(response: &Response<Bytes>, name: &str) {
    assert_eq!(response.status(), StatusCode::NO_CONTENT, "{name}");
    assert_eq!(cors_fields(response.headers()), BTreeSet::new(), "{name}");
    assert_eq!(response.headers()["vary"], PREFLIGHT_VARY, "{name}");
    assert!(response.body().is_empty(), "{name}");
}
