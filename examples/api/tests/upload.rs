//! Uploads: what is stored, and what is refused.

mod support;

use example_api::Config;
use serde_json::json;
use support::{Api, answer::Answer, clock::TestClock, config};

const PATH: &str = "/api/upload";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// The fields of a form, and its file: name, type and content.
async fn send(api: &Api, fields: &[(&str, &str)], file: Option<(&str, &str, &[u8])>) -> Answer {
    let mut form = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        form.extend_from_slice(part.as_bytes());
    }
    if let Some((name, kind, content)) = file {
        let header = format!(
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: {kind}\r\n\r\n"
        );
        form.extend_from_slice(header.as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--x--\r\n");
    let call = api
        .post(PATH)
        .header("content-type", "multipart/form-data; boundary=x");
    call.body(form).send().await
}

const ADA: [(&str, &str); 2] = [("name", "Ada"), ("email", "ada@example.com")];

#[tokio::test]
async fn a_file_is_stored() {
    let api = Api::run(Config {
        clock: TestClock::new().reader(),
        ..config()
    })
    .await;
    let file = ("../../hello.txt", "text/plain", &b"Hello"[..]);
    let answer = send(&api, &ADA, Some(file)).await.is(201).json();
    let sha256 = "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969";
    let at = &answer["file"]["uploadedAt"];
    let expected = json!({
        "message": "File uploaded successfully",
        "file": {
            "originalName": "../../hello.txt",
            "fileName": format!("{sha256}.txt"),
            "size": 5,
            "type": "text/plain",
            "sha256": sha256,
            "uploadedBy": { "name": "Ada", "email": "ada@example.com" },
            "uploadedAt": at,
        },
    });
    assert_eq!(answer, expected);
    assert!(at.as_str().unwrap().ends_with('Z'), "{at}");
    let picture = ("a.png", "image/png", PNG);
    let answer = send(&api, &ADA, Some(picture)).await.is(201).json();
    assert_eq!(answer["file"]["type"], "image/png");
}

#[tokio::test]
async fn other_files_and_forms_are_refused() {
    let api = Api::run(config()).await;
    let text = Some(("a.txt", "text/plain", &b"Hello"[..]));
    for (name, kind, content) in [
        ("a.gif", "image/gif", &b"GIF89a"[..]),
        ("a.png", "image/png", &b"Hello"[..]),
        ("a.txt", "text/plain", PNG),
        ("a.html", "text/html", &b"<html>"[..]),
    ] {
        let problem = send(&api, &ADA, Some((name, kind, content)))
            .await
            .refused(415);
        assert_eq!(problem["field"], "file");
    }
    let large = vec![b'x'; 5 * 1024 * 1024 + 1];
    let large = Some(("a.txt", "text/plain", &large[..]));
    assert_eq!(send(&api, &ADA, large).await.refused(413)["field"], "file");
    let cases = [
        (&ADA[..], None, "file", "missing_field"),
        (&ADA[..1], text, "email", "missing_field"),
        (&[("name", ""), ADA[1]][..], text, "name", "length"),
        (&[ADA[0], ("email", "ada")][..], text, "email", "email"),
    ];
    for (fields, file, name, code) in cases {
        let problem = send(&api, fields, file).await.refused(422);
        assert_eq!(problem["errors"][0]["name"], name);
        assert_eq!(problem["errors"][0]["code"], code);
    }
}
