//! `Content-Encoding`: only a body with exactly one accepted coding is decompressed, a body without one
//! passes as it is, and everything else is 415 with the codings that are accepted. Each line of the
//! input is a line of the field.
#![no_main]

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use tower_layer::Layer;
use tower_service::Service;
use wythe::{Body, Decompression, with_decompression};
use wythe_fuzz::{members, run};

/// `hello`.
const GZIP: &[u8] =
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";

/// Answers with the body, and with the codings that are left.
#[derive(Clone)]
struct Echo;

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (head, body) = request.into_parts();
        let mut response = Response::new(body);
        for coding in head.headers.get_all(header::CONTENT_ENCODING) {
            let headers = response.headers_mut();
            headers.append(header::CONTENT_ENCODING, coding.clone());
        }
        std::future::ready(Ok(response))
    }
}

fuzz_target!(|text: &[u8]| {
    let mut request = Request::new(Body::from(Bytes::from_static(GZIP)));
    for line in text.split(|byte| *byte == b'\n').take(8) {
        if let Ok(line) = HeaderValue::from_bytes(line) {
            request.headers_mut().append(header::CONTENT_ENCODING, line);
        }
    }
    let fields = request.headers().clone();
    let codings = members(&fields, header::CONTENT_ENCODING);
    let codings: Vec<_> = codings
        .iter()
        .filter(|coding| *coding != "identity")
        .collect();

    let layer = with_decompression(Decompression::gzip());
    let Ok(response) = run(layer.layer(Echo).call(request));
    let (head, body) = response.into_parts();
    let body = run(body.collect())
        .expect("the body is not broken")
        .to_bytes();
    match codings.as_slice() {
        [] => {
            assert_eq!(head.status, StatusCode::OK);
            assert_eq!(body, GZIP);
            assert_eq!(head.headers, fields);
        }
        [one] if *one == "gzip" || *one == "x-gzip" => {
            assert_eq!(head.status, StatusCode::OK);
            assert_eq!(body, "hello");
            assert!(!head.headers.contains_key(header::CONTENT_ENCODING));
        }
        _ => {
            assert_eq!(head.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
            assert_eq!(head.headers[header::ACCEPT_ENCODING], "gzip");
        }
    }
});
