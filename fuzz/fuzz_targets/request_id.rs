//! Ids of requests: an id of a trusted proxy is used unchanged exactly if it has the syntax; otherwise
//! the request gets a UUID of version 7. Handler, response and problem have the same one.
#![no_main]

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower_layer::Layer;
use tower_service::Service;
use wythe::{PROBLEM_JSON, Problem, RequestId, RequestIds, with_request_id};
use wythe_fuzz::{Frames, Handler, send};

const FIELD: HeaderName = HeaderName::from_static("x-request-id");

/// The syntax, as the page has it.
fn has_the_syntax(text: &[u8]) -> bool {
    let other = b"-_.:=+/@";
    (1..=128).contains(&text.len())
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || other.contains(byte))
}

/// RFC 9562, section 5.7.
fn is_uuid_of_version_7(id: &str) -> bool {
    let groups: Vec<_> = id.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .concat()
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && groups[2].starts_with('7')
        && groups[3].starts_with(['8', '9', 'a', 'b'])
}

/// Answers with a problem, whose body is in memory.
#[derive(Clone)]
struct Refuse(Problem);

impl Service<Request<Full<Bytes>>> for Refuse {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let mut response = Response::new(Full::from(self.0.to_json()));
        *response.status_mut() = StatusCode::NOT_FOUND;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        response.extensions_mut().insert(self.0.clone());
        ready(Ok(response))
    }
}

fuzz_target!(|input: &[u8]| {
    // Two lines, where there is a line break.
    let lines: Vec<_> = input.splitn(2, |byte| *byte == b'\n').collect();
    let mut request = Request::new(Frames::default());
    for line in &lines {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            return;
        };
        request.headers_mut().append(FIELD, value);
    }
    let layer = with_request_id(RequestIds::new().dangerously_from_everybody());
    let response = send(&layer, request, Handler::default());
    let field = response.headers()[FIELD].to_str().expect("ASCII");
    let id: &RequestId = response.extensions().get().expect("the layer provides it");
    assert_eq!(field, id.as_str());
    assert_eq!(id.to_header_value(), field);
    match &*lines {
        [line] if has_the_syntax(line) => assert_eq!(field.as_bytes(), *line),
        _ => assert!(is_uuid_of_version_7(field), "{field}"),
    }

    // A problem with the id is JSON, whatever the id is.
    let problem = Problem::new(StatusCode::NOT_FOUND);
    let mut refused = Request::new(Full::default());
    refused.headers_mut().insert(FIELD, id.to_header_value());
    let mut future = Box::pin(layer.layer(Refuse(problem)).call(refused));
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(response)) = future.as_mut().poll(&mut context) else {
        panic!("nothing to wait for");
    };
    let mut body = Box::pin(response.into_body().collect());
    let Poll::Ready(Ok(body)) = body.as_mut().poll(&mut context) else {
        panic!("the body is in memory");
    };
    let problem: Value = serde_json::from_slice(&body.to_bytes()).expect("a problem is JSON");
    assert_eq!(problem["request_id"], id.as_str());
    assert_eq!(problem["status"], 404);
});
