//! Limits, of the layer and further out.

use axum::body::Body;
use http::StatusCode;
use serde_json::Value;
use wythe::Multipart;

use super::{Form, given, plain, request, send};
use crate::common::problem;

async fn too_large(options: Multipart, form: Vec<u8>) -> Value {
    problem(
        &send(options, request(form)).await,
        StatusCode::PAYLOAD_TOO_LARGE,
    )
}

#[tokio::test]
async fn a_part_that_is_too_large_is_named() {
    let five = || Multipart::in_memory().max_file_bytes(5).unwrap();
    given(&send(five(), request(plain().end())).await);
    let large = plain().file("other", "b", "text/plain", "Hello!");
    let found = too_large(five(), large.end()).await;
    assert_eq!(
        (&found["field"], &found["max_bytes"]),
        (&"other".into(), &5.into())
    );

    let options = five().max_bytes_for("file", 4).unwrap();
    assert_eq!(too_large(options, plain().end()).await["field"], "file");
    let options = Multipart::in_memory().max_field_bytes(2).unwrap();
    assert_eq!(too_large(options, plain().end()).await["field"], "name");
    let options = Multipart::in_memory().max_bytes_for("name", 2).unwrap();
    assert_eq!(too_large(options, plain().end()).await["field"], "name");

    // A field of exactly the limit is accepted.
    let options = Multipart::in_memory().max_field_bytes(3).unwrap();
    given(&send(options, request(plain().end())).await);
}

#[tokio::test]
async fn the_body_is_limited_as_it_announces_itself_and_as_it_arrives() {
    let form = plain().end();
    let limit = u64::try_from(form.len()).unwrap();
    let exact = Multipart::in_memory().max_body_bytes(limit).unwrap();
    given(&send(exact.clone(), request(form.clone())).await);
    let less = exact.max_body_bytes(limit - 1).unwrap();
    let found = too_large(less.clone(), form.clone()).await;
    assert_eq!(found["max_body_bytes"], limit - 1);

    // A body that does not tell its size, and one that lies about it.
    let stream = |form: Vec<u8>| {
        Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(form)]))
    };
    let response = send(less.clone(), request(stream(form.clone()))).await;
    problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
    let mut lying = request(stream(form.clone()));
    lying.headers_mut().insert("content-length", 1.into());
    let response = send(less.clone(), lying).await;
    problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
    let mut announced = request(stream(form));
    announced
        .headers_mut()
        .insert("content-length", u64::MAX.into());
    let response = send(less, announced).await;
    problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn fields_files_and_headers_are_counted() {
    let options = Multipart::in_memory().max_files(1);
    let form = plain().file("other", "b", "text/plain", "x").end();
    assert_eq!(too_large(options, form).await["max_files"], 1);
    let options = Multipart::in_memory().max_fields(1);
    let form = plain().text("count", "1").end();
    assert_eq!(too_large(options, form).await["max_fields"], 1);

    let options = || Multipart::in_memory().max_header_bytes(256).unwrap();
    for (length, passes) in [(150, true), (300, false), (100_000, false)] {
        let header = format!(
            "Content-Disposition: form-data; name=\"name\"\r\nX: {}",
            "x".repeat(length)
        );
        let form = Form::new().part(&header, "Ada");
        let form = form.file("file", "a.txt", "text/plain", "Hello").end();
        let response = send(options(), request(form)).await;
        if passes {
            given(&response);
        } else {
            let problem = problem(&response, StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(problem["max_header_bytes"], 256, "{length}");
        }
    }
    // A preamble is limited as a header is.
    let mut form = vec![b'x'; 100_000];
    form.extend_from_slice(&plain().end());
    too_large(options(), form).await;
}

#[tokio::test]
async fn a_hundred_thousand_parts_are_refused_early() {
    let mut form = Form::new();
    for _ in 0..100_000 {
        form = form.text("tags", "x");
    }
    let options = || Multipart::in_memory().max_body_bytes(1 << 24).unwrap();
    assert_eq!(too_large(options(), form.end()).await["max_fields"], 100);

    let mut form = plain();
    for _ in 0..20_000 {
        form = form.text("tags", "x");
    }
    let all = options().max_fields(30_000);
    let given = given(&send(all, request(form.end())).await);
    assert_eq!(given["tags"].as_array().unwrap().len(), 20_000);
}
