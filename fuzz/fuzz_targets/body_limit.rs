//! A body in any frames, behind a limit: the handler never has more bytes than the limit, it has all
//! of a body that fits, and every other body is 413.
#![no_main]

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use tower_layer::Layer;
use tower_service::Service;
use wythe::{Body, BodyLimit, with_body_limit};
use wythe_fuzz::{Frames, run};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    limit: u8,
    announced: Option<u64>,
    /// `None` for a body in memory.
    frames: Option<u8>,
    body: &'a [u8],
}

/// Reads all that it gets, and counts it.
#[derive(Clone, Default)]
struct Reader(Arc<AtomicUsize>);

impl Service<Request<Body>> for Reader {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let count = Arc::clone(&self.0);
        Box::pin(async move {
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                let length = frame.map_or(0, |frame| frame.data_ref().map_or(0, Bytes::len));
                count.fetch_add(length, Ordering::Relaxed);
            }
            Ok(Response::new(Body::empty()))
        })
    }
}

fuzz_target!(|input: Input<'_>| {
    let limit = usize::from(input.limit);
    let body = match input.frames {
        None => Body::from(input.body.to_vec()),
        Some(size) => Body::stream(Frames::slow(input.body, size)),
    };
    let mut request = Request::new(body);
    if let Some(length) = input.announced {
        request
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length.into());
    }
    let reader = Reader::default();
    let count = Arc::clone(&reader.0);
    let mut service = with_body_limit(BodyLimit::bytes(limit)).layer(reader);
    let Ok(response) = run(service.call(request));

    let count = count.load(Ordering::Relaxed);
    assert!(count <= limit);
    let length = input.body.len();
    // What is in memory is not announced. A stream does not say that it is empty.
    let announced = input.announced.filter(|_| input.frames.is_some());
    let announces_more = announced.is_some_and(|length| length > limit as u64);
    if length > limit || announces_more {
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    } else {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(count, length);
    }
});
