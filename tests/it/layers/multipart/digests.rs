//! `Content-Digest` and `Repr-Digest` of the whole body.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use axum::{Router, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderName, HeaderValue, StatusCode};
use sha2::{Digest, Sha256, Sha512};
use tower::ServiceExt;
use wythe::{Decompression, Multipart, compose, with_decompression, with_multipart};

use super::{NewFile, given, plain, request, send};
use crate::common::problem;

async fn send_with(name: &'static str, value: &str) -> http::Response<bytes::Bytes> {
    let mut request = request(plain().end());
    let name = HeaderName::from_static(name);
    request.headers_mut().insert(name, value.parse().unwrap());
    send(Multipart::in_memory(), request).await
}

#[tokio::test]
async fn digests_of_the_body_are_checked() {
    let form = plain().end();
    let right256 = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&form)));
    let right512 = format!("sha-512=:{}:", STANDARD.encode(Sha512::digest(&form)));
    let wrong256 = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(b"other")));
    let wrong512 = format!("sha-512=:{}:", STANDARD.encode(Sha512::digest(b"other")));
    let unknown = "md5=:AAAA:";
    for name in ["content-digest", "repr-digest"] {
        for passing in [
            right256.clone(),
            right512.clone(),
            format!("{right256}, {right512}, {unknown}"),
            // Without padding (RFC 9651, section 4.2.7).
            right256.replace('=', "").replace("sha-256", "sha-256="),
            unknown.to_owned(),
        ] {
            given(&send_with(name, &passing).await);
        }
        for failing in [
            wrong256.clone(),
            wrong512.clone(),
            format!("{right256}, {wrong512}"),
        ] {
            let response = send_with(name, &failing).await;
            let problem = problem(&response, StatusCode::BAD_REQUEST);
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("digest"), "{problem}");
        }
        // The last of two members counts.
        let response = send_with(name, &format!("{right256}, {wrong256}")).await;
        problem(&response, StatusCode::BAD_REQUEST);
        for malformed in ["sha-256=x", "sha-256=:AAAA:", "sha-256=:***:", "sha-256"] {
            let response = send_with(name, malformed).await;
            problem(&response, StatusCode::BAD_REQUEST);
        }
    }
}

#[tokio::test]
async fn unknown_algorithms_cost_no_more_than_their_length() {
    let members: Vec<_> = (0..60_000).map(|n| format!("a{n}=::")).collect();
    let started = Instant::now();
    given(&send_with("content-digest", &members.join(",")).await);
    // Each with each would take minutes.
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn digests_of_a_compressed_form_are_not_those_of_the_form() {
    let form = plain().end();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&form).unwrap();
    let compressed = encoder.finish().unwrap();
    let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&compressed)));
    let app = Router::new()
        .route("/files", post(async || "read"))
        .layer(compose((
            with_decompression(Decompression::gzip()),
            with_multipart::<NewFile>(Multipart::in_memory()),
        )));
    let mut request = request(compressed);
    let headers = request.headers_mut();
    headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    headers.insert("content-digest", digest.parse().unwrap());
    headers.insert("repr-digest", digest.parse().unwrap());
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
}
