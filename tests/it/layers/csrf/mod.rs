//! `with_csrf`: which requests pass, and which are rejected as forged.

mod config;
#[cfg(all(feature = "csrf-token", feature = "tracing"))]
mod log;
mod properties;
mod requests;
#[cfg(feature = "axum")]
mod routes;
#[cfg(feature = "csrf-token")]
mod token;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use wythe::{Csrf, Problem, csrf::CsrfRefusal, with_csrf};

use crate::common::{self, Body, empty, problem};

const APP: &str = "https://app.example.com";

/// A request with these fields, to a path or a whole address.
fn request(method: &str, uri: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        // Bytes as they come over the wire, not only ASCII.
        request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request.body(empty()).unwrap()
}

/// The result of a request: `None` if it reaches the handler.
#[track_caller]
fn outcome(response: &Response<Bytes>) -> Option<CsrfRefusal> {
    if response.status() == StatusCode::OK {
        return None;
    }
    // A response to HEAD has no body.
    if !response.body().is_empty() {
        // The same for every reason: nothing tells an attacker what to change.
        let json = problem(response, StatusCode::FORBIDDEN);
        assert_eq!(json["type"], "about:blank");
        let detail = "The request was not sent by a page of this site.";
        assert_eq!(json["detail"], detail);
        assert_eq!(json.as_object().unwrap().len(), 4, "{json}");
        assert_eq!(response.headers().len(), 1, "{response:?}");
    }
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let problem: &Problem = response.extensions().get().unwrap();
    let reason = problem.cause().unwrap().downcast_ref();
    Some(*reason.expect("a reason for the log"))
}

async fn send(csrf: Csrf, request: Request<Body>) -> Option<CsrfRefusal> {
    outcome(&common::send(&with_csrf(csrf), request).await)
}
