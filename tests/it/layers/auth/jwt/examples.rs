//! The examples of the standards: RFC 6750, 7515, 7519 and 8037.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use wythe::{
    Jwt, JwtKey,
    auth::{JwtAlgorithm, JwtRefusal},
};

use super::{Claims, NOW, answer, at, hs256, reason, token, verdict, with_key, with_pem};
use crate::common::{self, problem};

/// A token, and the key that it is signed with.
#[derive(Deserialize)]
struct Example {
    origin: String,
    alg: String,
    key: Value,
    token: String,
    what: String,
}

fn examples(what: &str) -> Vec<Example> {
    let all: Vec<Example> = serde_json::from_slice(vector!("examples.json")).unwrap();
    let some: Vec<_> = all
        .into_iter()
        .filter(|example| example.what == what)
        .collect();
    assert!(!some.is_empty(), "{what}");
    some
}

/// When the tokens of RFC 7515, appendix A.1 to A.3, expire.
const EXPIRY: u64 = 1_300_819_380;

#[tokio::test]
async fn accepts_the_examples_until_they_expire() {
    let examples = examples("joe");
    assert_eq!(examples.len(), 3);
    for Example {
        origin,
        alg,
        key,
        token,
        ..
    } in examples
    {
        let key = JwtKey::jwk(alg.parse().unwrap(), key.to_string()).unwrap();
        let jwt = Jwt::<Value>::keys([key]).unwrap().issuer("joe");
        let bearer = format!("Bearer {token}");
        let fields = [("authorization", bearer.as_str())];
        let before = answer(jwt.clone().clock(at(EXPIRY - 1)), &fields).await;
        assert_eq!(before.status(), StatusCode::OK, "{origin}");
        let after = answer(jwt.clock(at(EXPIRY)), &fields).await;
        assert_eq!(reason(&after), JwtRefusal::Expired, "{origin}");
    }
}

#[tokio::test]
async fn refuses_the_unsigned_example_under_every_key() {
    for unsigned in examples("unsigned") {
        for Example { alg, key, .. } in examples("joe") {
            let jwt = with_key(JwtKey::jwk(alg.parse().unwrap(), key.to_string()));
            let refused = verdict(jwt.clock(at(EXPIRY - 1)), &unsigned.token).await;
            assert_eq!(refused, Err(JwtRefusal::Key), "{}", unsigned.origin);
        }
    }
}

#[tokio::test]
async fn accepts_the_signature_of_an_example_that_is_not_json() {
    // RFC 7515, appendix A.4, and RFC 8037, appendix A.4: what is signed is "Payload" or "Example of
    // Ed25519 signing", so the signature passes and the claims do not.
    let examples = examples("no JSON");
    assert_eq!(examples.len(), 2);
    for Example {
        origin,
        alg,
        key,
        token,
        ..
    } in examples
    {
        let jwt = with_key(JwtKey::jwk(alg.parse().unwrap(), key.to_string()));
        let jwt = jwt.clock(at(NOW));
        let right = verdict(jwt.clone(), &token).await;
        assert_eq!(right, Err(JwtRefusal::Malformed), "{origin}");
        let (message, signature) = token.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        let wrong = format!("{message}.{first}{}", &signature[1..]);
        assert_eq!(verdict(jwt, &wrong).await, Err(JwtRefusal::Signature));
        // A key of another algorithm, and another algorithm for the key.
        let es256 = with_pem(JwtAlgorithm::ES256, vector!("p256.public.pem"));
        assert_eq!(verdict(es256, &token).await, Err(JwtRefusal::Key));
        for other in [JwtAlgorithm::ES256, JwtAlgorithm::ES384] {
            let error = JwtKey::jwk(other, key.to_string()).unwrap_err().to_string();
            assert!(error.contains("is not for"), "{error}");
        }
    }
}

#[tokio::test]
async fn challenges_as_in_rfc_6750() {
    let jwt = || hs256::<Claims>().realm("example").unwrap();
    let expired = format!("Bearer {}", token(&json!({ "sub": "ann", "exp": NOW })));
    let cases = [
        ("section 3: no token", None, r#"Bearer realm="example""#),
        (
            "section 3: an expired token",
            Some(&*expired),
            r#"Bearer realm="example", error="invalid_token", error_description="The access token expired""#,
        ),
        (
            "section 2.1: a token that is not a JWT",
            Some("Bearer mF_9.B5f-4.1JqM"),
            r#"Bearer realm="example", error="invalid_token", error_description="The access token is invalid""#,
        ),
    ];
    for (name, authorization, challenge) in cases {
        let fields = authorization.map(|value| ("authorization", value));
        let response = answer(jwt(), fields.as_slice()).await;
        problem(&response, StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()["www-authenticate"], challenge, "{name}");
    }
}

#[tokio::test]
async fn reads_no_token_from_the_query_or_a_form() {
    // Sections 2.2 and 2.3: a form, and the query.
    let token = token(&json!({ "sub": "ann", "exp": NOW + 60 }));
    let pair = format!("access_token={token}");
    let request = http::Request::post(format!("/?{pair}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(common::Body::from(pair))
        .unwrap();
    let layer = wythe::with_auth(hs256::<Claims>());
    let response = common::send(&layer, request).await;
    problem(&response, StatusCode::UNAUTHORIZED);
    let challenge = &response.headers()["www-authenticate"];
    assert_eq!(challenge, r#"Bearer realm="api""#);
}
