//! Routes that know their stacks.

mod audit;
mod concerns;
#[cfg(feature = "docs-page")]
mod docs_page;
mod extractors;
mod findings;
mod limits;
mod logging;
#[cfg(all(feature = "openapi", feature = "validation"))]
mod openapi;
mod parity;
mod path;
mod property;
mod routes;
#[cfg(all(feature = "deprecation", feature = "openapi", feature = "version"))]
mod versions;

use std::convert::Infallible;

use axum::{body::Body, response::Response as AxumResponse};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, request::Parts};
use serde_json::Value;
use tower::{Service, ServiceExt};
use wythe::{
    Later, Middleware, Place, ReplyBody, Step,
    auth::{Authenticate, Verdict},
    stage,
};

use crate::common;

/// The name on the badge of a request.
#[derive(Clone, Debug)]
struct Staff(String);

/// Trusts the field `badge`.
#[derive(Clone, Debug)]
struct Badge;

impl Authenticate for Badge {
    type Principal = Staff;

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static("Badge")
    }

    fn authenticate(&self, head: &Parts) -> Later<Verdict<Staff>> {
        Later::from(match head.headers.get("badge") {
            None => Verdict::Missing,
            Some(badge) => Verdict::Verified(Staff(badge.to_str().unwrap().to_owned())),
        })
    }
}

/// Appends its name to the field `through` of each response: the innermost layer is the first.
#[derive(Clone, Copy, Debug)]
struct Through(&'static str);

const THROUGH: HeaderName = HeaderName::from_static("through");

impl Place for Through {
    type Stage = stage::Any;
    type Provides = ();
    type Needs = ();
}

impl<B> Middleware<B> for Through {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        Step::next(request, ())
    }

    fn after<R: ReplyBody>(&self, (): (), response: &mut Response<R>) {
        let name = HeaderValue::from_static(self.0);
        response.headers_mut().append(THROUGH, name);
    }
}

/// A request in one line, such as `GET /me badge:ann`.
fn request(line: &str) -> Request<Body> {
    let mut words = line.split(' ');
    let [method, uri] = [(); 2].map(|()| words.next().unwrap());
    let mut request = Request::builder().method(method).uri(uri);
    for field in words {
        let (name, value) = field.split_once(':').unwrap();
        request = request.header(name, value);
    }
    request.body(Body::empty()).unwrap()
}

/// The response to a request in one line.
async fn call<T>(service: &T, line: &str) -> Response<Bytes>
where
    T: Service<Request<Body>, Response = AxumResponse, Error = Infallible> + Clone,
{
    let response = service.clone().oneshot(request(line)).await.unwrap();
    common::read(response).await
}

/// The status of a response, and its text or the detail of its problem.
fn shown(response: &Response<Bytes>) -> String {
    let status = response.status().as_u16();
    let text = String::from_utf8_lossy(response.body());
    let problem: Option<Value> = serde_json::from_slice(response.body()).ok();
    match problem
        .as_ref()
        .and_then(|problem| problem["detail"].as_str())
    {
        Some(detail) => format!("{status} {detail}"),
        None => format!("{status} {text}").trim_end().to_owned(),
    }
}

/// A field of a response; its lines are joined with a space.
fn field(response: &Response<Bytes>, name: &str) -> String {
    let lines = response.headers().get_all(name).iter();
    let lines: Vec<_> = lines.map(|line| line.to_str().unwrap()).collect();
    lines.join(" ")
}

/// Sends each request, and compares what is shown of the response.
async fn answers<T>(service: &T, cases: &[(&str, &str)])
where
    T: Service<Request<Body>, Response = AxumResponse, Error = Infallible> + Clone,
{
    for (line, expected) in cases {
        assert_eq!(shown(&call(service, line).await), *expected, "{line}");
    }
}
