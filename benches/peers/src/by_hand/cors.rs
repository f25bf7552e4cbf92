//! One origin, on the response and in `Vary`.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
};
use wythe_bench_harness::request::ORIGIN;

pub(super) fn allowed(request: &Request) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    (origin == ORIGIN).then(|| HeaderValue::from_static(ORIGIN))
}

pub(super) fn answer(origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}
