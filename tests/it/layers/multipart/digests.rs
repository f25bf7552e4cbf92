//! `Content-Digest` and `Repr-Digest` of the whole body.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, StatusCode};
use sha2::{Digest, Sha256, Sha512};
use wythe::Multipart;

use super::{given, plain, request, send};
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
        for malformed in ["sha-256=x", "sha-256=:AAAA:", "sha-256=:***:", "sha-256"] {
            let response = send_with(name, malformed).await;
            problem(&response, StatusCode::BAD_REQUEST);
        }
    }
}
