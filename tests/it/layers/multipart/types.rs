//! Types of files.

use http::StatusCode;
use serde_json::json;
use wythe::Multipart;

use super::{Form, given, request, send};
use crate::common::problem;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

#[tokio::test]
async fn content_declaration_and_name_agree_on_an_accepted_type() {
    let cases: [(&str, &str, &[u8], bool); 10] = [
        ("a.png", "image/png", PNG, true),
        ("A.PNG", "Image/PNG; x=y", PNG, true),
        ("a", "application/octet-stream", PNG, true),
        ("a.txt", "text/plain", b"Hello", true),
        ("a.png", "image/png", b"Hello", false),
        ("a.png", "text/plain", PNG, false),
        ("a.txt", "image/png", PNG, false),
        ("a.php", "image/png", PNG, false),
        ("a.pdf", "application/pdf", b"%PDF-1.7", false),
        ("a.txt", "text/plain", b"Hello\0lo", false),
    ];
    for (name, kind, content, passes) in cases {
        let options = Multipart::in_memory()
            .accept(["image/png", "text/plain"])
            .unwrap();
        let form = Form::new()
            .text("name", "Ada")
            .file("file", name, kind, content);
        let response = send(options, request(form.end())).await;
        if passes {
            given(&response);
            continue;
        }
        let problem = problem(&response, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(problem["field"], "file", "{name} {kind}");
        assert_eq!(problem["accepted"], json!(["image/png", "text/plain"]));
    }
}

#[tokio::test]
async fn a_field_can_have_types_of_its_own() {
    let options = Multipart::in_memory()
        .accept(["text/plain"])
        .unwrap()
        .accept_for("other", ["image/png"])
        .unwrap();
    let form = |kind: &str, content: &[u8]| {
        let form = super::plain().file("other", "b", kind, content);
        request(form.end())
    };
    given(&send(options.clone(), form("image/png", PNG)).await);
    let response = send(options, form("text/plain", b"Hello")).await;
    problem(&response, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}
