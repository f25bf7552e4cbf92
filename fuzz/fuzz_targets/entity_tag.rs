//! Entity tags: what is written is read back, alone and in lists; the two comparisons keep their laws; a
//! list matches exactly the tags that are in it, and a field that can't be read performs no write.
#![no_main]

use std::{convert::Infallible, future::Ready, task::Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use tower_layer::Layer;
use tower_service::Service;
use wythe::{Conditional, ETag, with_conditional};

#[derive(Arbitrary, Debug)]
struct Input {
    /// Weak or not, and the text.
    tags: Vec<(bool, Vec<u8>)>,
    current: usize,
    raw: Vec<u8>,
}

#[derive(Clone)]
struct Handler(ETag);

impl Service<Request<Full<Bytes>>> for Handler {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let mut response = Response::new(Full::from("hello"));
        self.0.clone().insert_into(response.headers_mut());
        std::future::ready(Ok(response))
    }
}

/// The status for this field, where this tag is current.
fn ask(method: Method, name: header::HeaderName, value: HeaderValue, current: &ETag) -> StatusCode {
    let version = current.clone();
    let policy = Conditional::new().current(move |_| Some(version.clone()));
    let mut service = with_conditional(policy).layer(Handler(current.clone()));
    let mut request = Request::new(Full::default());
    *request.method_mut() = method;
    request.headers_mut().insert(name, value);
    let mut future = Box::pin(service.call(request));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(Ok(response)) => response.status(),
        Poll::Pending => panic!("nothing to wait for"),
    }
}

fuzz_target!(|input: Input| {
    let Input { tags, current, raw } = input;
    let make = |(is_weak, text): &(bool, Vec<u8>)| {
        let made = if *is_weak {
            ETag::weak(text)
        } else {
            ETag::strong(text)
        };
        let is_valid = text
            .iter()
            .all(|byte| matches!(byte, b'!' | b'#'..=b'~' | 0x80..));
        assert_eq!(made.is_ok(), is_valid);
        made.ok()
    };
    let tags: Vec<_> = tags.iter().filter_map(make).collect();
    for (one, other) in tags.iter().zip(tags.iter().rev()) {
        assert_eq!(ETag::parse(one.value()).as_ref(), Some(one));
        assert_eq!(one.strong_eq(other), other.strong_eq(one));
        assert_eq!(one.weak_eq(other), other.weak_eq(one));
        assert!(!one.strong_eq(other) || one.weak_eq(other));
        assert!(one.weak_eq(one) && one.strong_eq(one) != one.is_weak());
    }
    if !tags.is_empty() {
        let current = &tags[current % tags.len()];
        let list: Vec<_> = tags.iter().map(|tag| tag.value().as_bytes()).collect();
        let list = HeaderValue::from_bytes(&list.join(&b" ,, "[..])).expect("tags are values");
        let read = ask(Method::GET, header::IF_NONE_MATCH, list.clone(), current);
        assert_eq!(read, StatusCode::NOT_MODIFIED);
        let write = ask(Method::PUT, header::IF_NONE_MATCH, list.clone(), current);
        assert_eq!(write, StatusCode::PRECONDITION_FAILED);
        let matches = tags.iter().any(|tag| tag.strong_eq(current));
        let write = ask(Method::PUT, header::IF_MATCH, list, current);
        assert_eq!(write == StatusCode::OK, matches);
    }
    let Ok(raw) = HeaderValue::from_bytes(&raw) else {
        return;
    };
    let seven = ETag::version(7);
    let tag = ETag::parse(&raw);
    let read = ask(Method::GET, header::IF_NONE_MATCH, raw.clone(), &seven);
    let write = ask(Method::PUT, header::IF_MATCH, raw.clone(), &seven);
    if let Some(tag) = tag {
        assert_eq!(read == StatusCode::NOT_MODIFIED, tag.weak_eq(&seven));
        assert_eq!(write == StatusCode::OK, tag.strong_eq(&seven));
    }
    if write == StatusCode::OK {
        let has = raw.as_bytes().windows(3).any(|part| part == b"\"7\"");
        assert!(has || raw.as_bytes().trim_ascii() == b"*");
    }
});
