//! What a form becomes, and which are invalid.

use http::{Request, StatusCode};
use serde::Deserialize;
use serde_json::json;
use wythe::{Multipart, UploadedFile};

use super::{Form, given, plain, request, send, send_to};
use crate::common::problem;

#[tokio::test]
async fn texts_and_files_are_given_to_the_handler() {
    let form = plain()
        .text("count", "3")
        .text("tags", "a")
        .text("tags", "b")
        .file("more", "b.bin", "application/octet-stream", b"\xff\0")
        .file("more", "c.txt", "text/plain", "")
        // What a browser sends where no file was selected.
        .file("other", "", "application/octet-stream", "")
        .end();
    let given = given(&send(Multipart::in_memory(), request(form)).await);
    let sha256 = "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969";
    let file = json!({
        "name": "a.txt", "saved": format!("{sha256}.txt"), "type": "text/plain",
        "declared": "text/plain", "size": 5, "sha256": sha256, "bytes": "Hello",
    });
    assert_eq!(given["name"], "Ada");
    assert_eq!(given["count"], 3);
    assert_eq!(given["tags"], json!(["a", "b"]));
    assert_eq!(given["file"], file);
    assert_eq!(given["other"], json!(null));
    assert_eq!(given["more"][0]["type"], "application/octet-stream");
    assert_eq!(given["more"][1]["size"], 0);
}

#[tokio::test]
async fn invalid_fields_are_listed_as_by_with_validation() {
    let file = |form: Form| form.file("file", "a.txt", "text/plain", "Hello");
    let cases = [
        (file(Form::new().text("name", "A")), "length", Some("name")),
        (file(Form::new()), "missing_field", Some("name")),
        (
            Form::new().text("name", "Ada"),
            "missing_field",
            Some("file"),
        ),
        (file(plain()), "duplicate_field", Some("file")),
        (plain().text("name", "Eve"), "duplicate_field", Some("name")),
        (plain().text("count", "many"), "value", Some("count")),
        (
            Form::new().text("name", "Ada").text("file", "0"),
            "type",
            Some("file"),
        ),
        (
            Form::new()
                .text("name", "Ada")
                .text("file", "\0\0\0\0\0\0\0\0"),
            "type",
            Some("file"),
        ),
        (
            file(Form::new().file("name", "n.txt", "text/plain", "Ada")),
            "type",
            Some("name"),
        ),
        (plain().text("other", ""), "type", Some("other")),
    ];
    for (form, code, name) in cases {
        let response = send(Multipart::in_memory(), request(form.end())).await;
        let problem = problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
        let error = &problem["errors"][0];
        assert_eq!(problem["error_count"], 1, "{problem}");
        assert_eq!(error["code"], code, "{problem}");
        assert_eq!(error["in"], "body", "{problem}");
        assert_eq!(error["name"], json!(name), "{problem}");
    }
}

#[tokio::test]
async fn nested_keys_and_unknown_names_are_options() {
    #[derive(Deserialize, garde::Validate)]
    struct Nested {
        #[garde(skip)]
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        title: String,
        file: UploadedFile,
    }
    let form = Form::new()
        .text("items[0][title]", "first")
        .file("items[0][file]", "a", "text/plain", "1")
        .file("items[1][file]", "b", "text/plain", "22")
        .text("items[1][title]", "second")
        .end();
    let options = Multipart::in_memory().nested_keys();
    let response = send_to::<Nested, _>(options, request(form), |form| {
        let items = form.items.iter();
        items
            .map(|item| json!([item.title, item.file.size()]))
            .collect()
    });
    assert_eq!(given(&response.await), json!([["first", 1], ["second", 2]]));

    let form = || request(plain().text("extra", "x").end());
    given(&send(Multipart::in_memory(), form()).await);
    let strict = Multipart::in_memory().reject_unknown_names();
    let response = send(strict, form()).await;
    let problem = problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["errors"][0]["code"], "unknown_field");
}

#[tokio::test]
async fn a_file_can_be_in_a_flattened_struct_and_a_text_never_becomes_one() {
    #[derive(Deserialize, garde::Validate)]
    struct Outer {
        #[serde(flatten)]
        #[garde(skip)]
        inner: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        file: UploadedFile,
    }
    let options = Multipart::in_memory;
    let show = |form: Outer| json!(form.inner.file.size());
    let response = send_to::<Outer, _>(options(), request(plain().end()), show).await;
    assert_eq!(given(&response), 5);
    for text in ["0", "\0\0\0\0\0\0\0\0", ""] {
        let form = Form::new()
            .file("elsewhere", "a.txt", "text/plain", "Hello")
            .text("file", text);
        let response = send_to::<Outer, _>(options(), request(form.end()), show).await;
        problem(&response, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[test]
fn json_never_becomes_a_file() {
    for text in ["0", "\"x\"", "[0,0,0,0,0,0,0,0]", "null"] {
        assert!(
            serde_json::from_str::<UploadedFile>(text).is_err(),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_malformed_form_is_answered_with_400() {
    let whole = String::from_utf8(plain().end()).unwrap();
    let cases = [
        (String::new(), "no_boundary_at_all"),
        ("Hello".to_owned(), "no boundary"),
        (whole.replace("--xYzZY--", ""), "no end"),
        (whole.replace("\r\n", "\n"), "bare line feeds"),
        (whole.replace("name=\"name\"", "nam=\"name\""), "no name"),
        (whole.replace("form-data;", "attachment;"), "no form-data"),
        (
            whole.replace("name=\"name\"", "name=\"a\"; name=\"name\""),
            "two names",
        ),
        (
            whole.replace("Content-Disposition: form-data; name=\"name\"", "X: y"),
            "no disposition",
        ),
        (
            whole.replace("Content-Disposition:", "Content Disposition:"),
            "no header",
        ),
        (
            whole.replacen("--xYzZY\r\n", "--xYzZYmore\r\n", 1),
            "more than the boundary",
        ),
    ];
    for (form, case) in cases {
        let response = send(Multipart::in_memory(), request(form)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{case}");
        problem(&response, StatusCode::BAD_REQUEST);
    }
    let mut form = b"--xYzZY\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n".to_vec();
    form.extend_from_slice(b"\xff\r\n--xYzZY--\r\n");
    let response = send(Multipart::in_memory(), request(form)).await;
    let problem = problem(&response, StatusCode::BAD_REQUEST);
    assert_eq!(problem["detail"], "The field `name` is not UTF-8.");
}

#[tokio::test]
async fn the_content_type_is_a_form_with_a_boundary() {
    let cases = [
        (vec!["multipart/form-data"], 400),
        (vec!["multipart/form-data; boundary="], 415),
        (vec!["multipart/form-data; boundary=\"\""], 400),
        (vec!["multipart/mixed; boundary=xYzZY"], 415),
        (vec!["application/json"], 415),
        (vec!["nonsense"], 415),
        (vec![], 415),
        (
            vec!["multipart/form-data; boundary=xYzZY", "text/plain"],
            415,
        ),
        (
            vec!["Multipart/Form-Data; charset=utf-8; boundary=\"xYzZY\""],
            200,
        ),
    ];
    for (types, status) in cases {
        let mut request = Request::post("/files");
        for kind in &types {
            request = request.header("content-type", *kind);
        }
        let request = request.body(plain().end().into()).unwrap();
        let response = send(Multipart::in_memory(), request).await;
        assert_eq!(response.status(), status, "{types:?}");
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    let long = Request::post("/").header("content-type", long);
    let response = send(Multipart::in_memory(), long.body("".into()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);

    let mut encoded = request(plain().end());
    encoded
        .headers_mut()
        .insert("content-encoding", "gzip".parse().unwrap());
    let response = send(Multipart::in_memory(), encoded).await;
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}
