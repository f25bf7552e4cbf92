//! The OpenAPI document, as stored in `openapi.json`: a change of what clients see is a change of that
//! file, which a review sees.
//!
//! `WYTHE_SNAPSHOT=overwrite cargo test -p example-api --test openapi` stores it.

mod support;

use std::process::Command;

use http::{StatusCode, Version};
use support::Api;
use wythe::testing::assert_snapshot;

#[tokio::test]
async fn the_stored_document_is_that_of_the_routes() {
    assert_snapshot("openapi.json", &support::application().await.document);
}

#[tokio::test]
async fn the_document_is_served_and_printed() {
    let api = Api::start(Version::HTTP_11);
    let served = api.get("/api/openapi.json").send().await.is(200);
    assert_eq!(served.field("content-type"), "application/json");
    assert_eq!(served.field("cache-control"), "public, max-age=60");
    let program = env!("CARGO_BIN_EXE_example-api");
    let printed = Command::new(program).arg("--openapi").output().unwrap();
    let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&served.body).unwrap();
    assert_eq!(sent, printed);

    let again = api.get("/api/openapi.json");
    let again = again.header("if-none-match", served.field("etag"));
    let again = again.send().await.is(304);
    assert_eq!(again.field("cache-control"), "public, max-age=60");
    assert!(again.body.is_empty());
}

#[tokio::test]
async fn the_document_is_shown_on_a_page() {
    let api = Api::start(Version::HTTP_11);
    let page = api.get("/docs").send().await;
    assert_eq!(page.status, StatusCode::OK);
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(page.contains("/api/openapi.json"), "{page}");
}
