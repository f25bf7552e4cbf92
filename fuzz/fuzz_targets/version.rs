//! Versions by media type and by path: a request that passes is for a version of the list, a version that was
//! written is read back, and every other request gets a problem. The first line is `Accept`, the second
//! `Content-Type`, the third the path.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderValue, Request, StatusCode, Uri, header};
use libfuzzer_sys::fuzz_target;
use wythe::{ApiVersion, Versions, With, with_version};
use wythe_fuzz::{Frames, Handler, problem, send};

const NAMES: [&str; 3] = ["1", "2", "2026-06"];

static BY_TYPE: LazyLock<With<Versions>> =
    LazyLock::new(|| with_version(Versions::by_media_type("vnd.example", NAMES).unwrap()));
static BY_PATH: LazyLock<With<Versions>> =
    LazyLock::new(|| with_version(Versions::by_path("/api", NAMES).unwrap()));

/// The version that the handler is given; `None` for a refusal.
fn version(layer: &With<Versions>, request: Request<Frames>) -> Option<String> {
    let response = send(layer, request, Handler::default());
    match response.status() {
        StatusCode::OK => {
            let version: &ApiVersion = response.extensions().get().expect("it is provided");
            assert!(NAMES.contains(&version.as_str()));
            Some(version.as_str().to_owned())
        }
        StatusCode::BAD_REQUEST
        | StatusCode::NOT_FOUND
        | StatusCode::NOT_ACCEPTABLE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            problem(&response);
            None
        }
        other => panic!("{other}"),
    }
}

fuzz_target!(|input: &[u8]| {
    let lines: Vec<_> = input.splitn(3, |byte| *byte == b'\n').collect();
    let mut request = Request::new(Frames::default());
    for (name, line) in [header::ACCEPT, header::CONTENT_TYPE]
        .into_iter()
        .zip(&lines)
    {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            return;
        };
        request.headers_mut().insert(name, value);
    }
    version(&BY_TYPE, request);

    // What is written is read back, whatever is accepted beside it.
    if let [accept, ..] = &*lines
        && let Some(byte) = accept.first()
    {
        let name = NAMES[usize::from(*byte) % NAMES.len()];
        for written in [
            format!("application/vnd.example.v{name}+json"),
            format!("application/vnd.example.{name}+json"),
            format!("application/vnd.example+json; version=\"{name}\""),
        ] {
            let mut request = Request::new(Frames::default());
            let value = HeaderValue::try_from(written).expect("a value");
            request.headers_mut().append(header::ACCEPT, value);
            let other = HeaderValue::from_static("*/*, text/html;q=0.9");
            request.headers_mut().append(header::ACCEPT, other);
            assert_eq!(version(&BY_TYPE, request).as_deref(), Some(name));
        }
    }

    let Some(Ok(uri)) = lines.get(2).map(|path| Uri::try_from(*path)) else {
        return;
    };
    let path = uri.path().to_owned();
    let mut request = Request::new(Frames::default());
    *request.uri_mut() = uri;
    let found = version(&BY_PATH, request);
    let expected = NAMES.into_iter().find(|name| {
        let rest = path
            .strip_prefix("/api/")
            .and_then(|rest| rest.strip_prefix(name));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    assert_eq!(found.as_deref(), expected);
});
