//! `Idempotency-Key` fields: a key is the same with quotes and without, has 1 to 255 printable ASCII
//! characters, and can be written so that it is read back; a request passes the layer exactly if its
//! only field is a key.
#![no_main]

use std::{convert::Infallible, sync::LazyLock};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tower_layer::Layer;
use tower_service::Service;
use wythe::{Idempotency, IdempotencyKey, with_idempotency};

/// As a String (RFC 9651, section 4.1.6).
fn quoted(key: &str) -> String {
    format!("\"{}\"", key.replace('\\', r"\\").replace('"', "\\\""))
}

#[derive(Clone)]
struct Handler;

impl Service<Request<Full<Bytes>>> for Handler {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let key = request.extensions().get::<IdempotencyKey>();
        let key = key.expect("keys are required").as_str().to_owned();
        std::future::ready(Ok(Response::new(Full::from(key))))
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = Builder::new_current_thread();
    runtime.enable_time().build().expect("a runtime")
});

fuzz_target!(|field: &[u8]| {
    let key = IdempotencyKey::parse(field);
    if let Some(key) = &key {
        let text = key.as_str();
        assert!((1..=255).contains(&text.len()));
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        assert_eq!(
            IdempotencyKey::parse(quoted(text).as_bytes()).as_ref(),
            Some(key)
        );
        assert!(!format!("{key:?}").contains(text) || "IdempotencyKey(..)".contains(text));
        // Without quotes in the field, the field is the key.
        if !field.contains(&b'"') {
            assert_eq!(field.trim_ascii(), text.as_bytes());
            assert!(!text.contains([',', ';', '\\', ' ']));
        }
    }
    let Ok(value) = HeaderValue::from_bytes(field) else {
        return;
    };
    let policy = Idempotency::in_memory().dangerously_shared().required();
    let mut service = with_idempotency(policy).layer(Handler);
    let mut request = Request::post("/").body(Full::<Bytes>::default()).unwrap();
    request.headers_mut().insert("idempotency-key", value);
    let Ok(response) = RUNTIME.block_on(service.call(request));
    assert_eq!(
        response.status().as_u16(),
        if key.is_some() { 200 } else { 400 }
    );
});
