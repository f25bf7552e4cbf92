//! What every refusal must look like.

use bytes::Bytes;
use http::{Response, header};
use percent_encoding::{percent_decode, percent_decode_str};
use serde_json::Value;

/// Checks that a response is a well-formed problem (RFC 9457), and returns its JSON.
pub fn problem(response: &Response<Bytes>) -> Value {
    let types = response.headers().get_all(header::CONTENT_TYPE);
    assert!(
        types.iter().eq(["application/problem+json"]),
        "{response:?}"
    );
    let problem: Value = serde_json::from_slice(response.body()).expect("a problem is JSON");
    assert_eq!(problem["status"], response.status().as_u16());
    for member in ["type", "title", "detail"] {
        assert!(problem[member].is_string(), "no {member}: {problem}");
    }
    problem
}

/// The errors that a 422 lists: one at least, and no more than there are.
pub fn errors(problem: &Value) -> &[Value] {
    let errors = problem["errors"].as_array().expect("a list of errors");
    let count = problem["error_count"].as_u64().expect("how many there are");
    assert!((1..=32).contains(&errors.len()), "{problem}");
    assert!(errors.len() as u64 <= count, "{problem}");
    assert!(
        errors.iter().all(|error| error["detail"].is_string()),
        "{problem}"
    );
    errors
}

/// The value in a document that an error points at: `#/items/0/sku` (RFC 6901, section 6).
pub fn place<'a>(document: &'a Value, error: &Value) -> Option<&'a Value> {
    let fragment = error["pointer"]
        .as_str()
        .and_then(|text| text.strip_prefix('#'));
    let fragment = fragment.expect("a pointer is a fragment");
    // RFC 3986, section 3.5.
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte);
    assert!(fragment.bytes().all(allowed), "{fragment}");
    let pointer = percent_decode_str(fragment)
        .decode_utf8()
        .expect("a pointer is UTF-8");
    assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer}");
    document.pointer(&pointer)
}

/// Whether each `%` is one of an escape, and all of it is UTF-8: no browser writes anything else.
pub fn is_urlencoded(input: &[u8]) -> bool {
    let mut escapes = input.split(|byte| *byte == b'%').skip(1);
    let is_escape = |rest: &[u8]| rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit);
    escapes.all(is_escape) && percent_decode(input).decode_utf8().is_ok()
}
