//! Boundaries, wherever they are and however the body arrives.

use axum::body::Body;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::Builder;
use wythe::Multipart;

use super::{BOUNDARY, Form, given, plain, request, send};

/// A body in frames of this size.
fn in_frames(body: &[u8], size: usize) -> Body {
    let frames: Vec<_> = body
        .chunks(size)
        .map(|frame| Ok::<_, std::io::Error>(Bytes::copy_from_slice(frame)))
        .collect();
    Body::from_stream(futures_util::stream::iter(frames))
}

#[tokio::test]
async fn a_form_is_the_same_however_it_is_split() {
    let near = format!("\r\n--xYzZ\r\n--{}\r\n-\r\r\n--xYzZ Y\r", "xYzZ");
    let form = Form::new()
        .text("name", "Ada")
        .file("file", "a.txt", "text/plain", &near)
        .end();
    for size in 1..=form.len() {
        let response = send(Multipart::in_memory(), request(in_frames(&form, size))).await;
        assert_eq!(
            given(&response)["file"]["bytes"],
            json!(near),
            "frames of {size}"
        );
    }
    // Two frames, split at every byte.
    for at in 1..form.len() {
        let (start, end) = form.split_at(at);
        let frames = [start, end].map(|part| Ok::<_, std::io::Error>(Bytes::copy_from_slice(part)));
        let body = Body::from_stream(futures_util::stream::iter(frames));
        let response = send(Multipart::in_memory(), request(body)).await;
        assert_eq!(
            given(&response)["file"]["bytes"],
            json!(near),
            "split at {at}"
        );
    }
}

#[tokio::test]
async fn a_preamble_and_an_epilogue_are_skipped() {
    let mut form = b"preamble\r\n".to_vec();
    form.extend_from_slice(&plain().end());
    form.extend_from_slice(b"epilogue");
    given(&send(Multipart::in_memory(), request(form)).await);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What a client sends is what the handler gets, in any bytes but the boundary.
    #[test]
    fn contents_arrive_as_they_were_sent(
        content in prop::collection::vec(
            prop_oneof![
                any::<u8>().prop_map(|byte| vec![byte]),
                Just(b"\r\n".to_vec()),
                Just(b"--".to_vec()),
                Just(b"\r\n--xYz".to_vec()),
                Just(b"\r".to_vec()),
            ],
            0..60,
        ),
        name in "[a-zA-Z0-9 ]{2,20}",
        size in 1_usize..100,
    ) {
        let content = content.concat();
        let end = format!("\r\n--{BOUNDARY}");
        prop_assume!(!content.windows(end.len()).any(|part| part == end.as_bytes()));
        let form = Form::new()
            .text("name", &name)
            .file("file", "a.bin", "application/octet-stream", &content)
            .end();
        let runtime = Builder::new_current_thread().build().unwrap();
        let given = runtime.block_on(async {
            given(&send(Multipart::in_memory(), request(in_frames(&form, size))).await)
        });
        prop_assert_eq!(&given["name"], &json!(name));
        prop_assert_eq!(&given["file"]["size"], &json!(content.len()));
        prop_assert_eq!(&given["file"]["bytes"], &json!(String::from_utf8_lossy(&content)));
    }
}
