//! `Jwt` needs none of `jsonwebtoken`'s cryptography providers. In a binary of its own, because the
//! provider is set for the whole process.
#![cfg(feature = "jwt")]

#[path = "it/common/mod.rs"]
mod common;

use std::time::{Duration, UNIX_EPOCH};

use common::{empty, get, send};
use http::StatusCode;
use jsonwebtoken::crypto::{CryptoProvider, KeyUtils};
use serde::Deserialize;
use serde_json::Value;
use wythe::{Jwt, JwtKey, auth::JwtAlgorithm, with_auth};

/// What a program with none or two of the providers has: every use panics.
static NONE: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| panic!("asked for a signer"),
    verifier_factory: |_, _| panic!("asked for a verifier"),
    key_utils: KeyUtils::new_unimplemented(),
};

#[derive(Deserialize)]
struct Example {
    alg: String,
    key: Value,
    token: String,
    what: String,
}

#[tokio::test]
async fn verifies_without_a_cryptography_provider() {
    NONE.install_default().unwrap();
    let asked = std::panic::catch_unwind(|| {
        let key = jsonwebtoken::EncodingKey::from_secret(b"");
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &Value::Null, &key)
    });
    assert!(asked.is_err(), "the provider is not in use");

    let examples = include_bytes!("vectors/jwt/examples.json");
    let examples: Vec<Example> = serde_json::from_slice(examples).unwrap();
    let examples: Vec<_> = examples
        .iter()
        .filter(|example| example.what == "joe")
        .collect();
    assert_eq!(examples.len(), 3);
    for Example {
        alg, key, token, ..
    } in examples
    {
        let key = JwtKey::jwk(alg.parse().unwrap(), key.to_string()).unwrap();
        // Before the examples expire.
        let jwt = Jwt::<Value>::keys([key]).unwrap();
        let jwt = jwt.clock(|| UNIX_EPOCH + Duration::from_secs(1_300_819_379));
        let layer = with_auth(jwt);
        for (token, status) in [
            (token.clone(), StatusCode::OK),
            (format!("{token}AAAA"), StatusCode::UNAUTHORIZED),
        ] {
            let request = get("/").header("authorization", format!("Bearer {token}"));
            let response = send(&layer, request.body(empty()).unwrap()).await;
            assert_eq!(response.status(), status, "{alg}");
        }
    }
    let pems = [
        JwtKey::pem(
            JwtAlgorithm::RS256,
            include_bytes!("vectors/jwt/rsa.public.pem"),
        ),
        JwtKey::pem(
            JwtAlgorithm::ES256,
            include_bytes!("vectors/jwt/p256.public.pem"),
        ),
        JwtKey::pem(
            JwtAlgorithm::EdDSA,
            include_bytes!("vectors/jwt/ed25519.public.pem"),
        ),
    ];
    assert!(pems.iter().all(Result::is_ok), "{pems:?}");
}
