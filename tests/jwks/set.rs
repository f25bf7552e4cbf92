//! What is used of a key set.

use jsonwebtoken::Algorithm::{self, ES256, ES384, EdDSA, PS256, RS256, RS384, RS512};
use serde_json::{Value, json};
use wythe::{JwksError, JwtRefusal};

use crate::{Verdict, scripted::Scripted, set, signer::Signer, status, verdict};

#[tokio::test]
async fn a_key_is_used_for_what_it_says_and_what_is_allowed() {
    let p256 = Signer::p256("a");
    let rsa = |algorithm| Signer::rsa("a", algorithm);
    let all: &[Algorithm] = &[RS256, RS384, PS256, ES256, ES384, EdDSA];
    // Key, allowed algorithms, token, whether it passes.
    let cases: Vec<(&str, Value, &[Algorithm], Signer, bool)> = vec![
        ("bare", p256.bare(), all, Signer::p256("a"), true),
        (
            "for signatures",
            p256.with(json!({"use": "sig"})),
            all,
            Signer::p256("a"),
            true,
        ),
        (
            "for encryption",
            p256.with(json!({"use": "enc"})),
            all,
            Signer::p256("a"),
            false,
        ),
        (
            "of an unknown use",
            p256.with(json!({"use": "x"})),
            all,
            Signer::p256("a"),
            false,
        ),
        (
            "of its algorithm",
            p256.with(json!({"alg": "ES256"})),
            all,
            Signer::p256("a"),
            true,
        ),
        (
            "of another",
            p256.with(json!({"alg": "ES384"})),
            all,
            Signer::p256("a"),
            false,
        ),
        (
            "of an unknown one",
            p256.with(json!({"alg": "X"})),
            all,
            Signer::p256("a"),
            false,
        ),
        (
            "of a number",
            p256.with(json!({"alg": 1})),
            all,
            Signer::p256("a"),
            false,
        ),
        (
            "to verify",
            p256.with(json!({"key_ops": ["verify"]})),
            all,
            Signer::p256("a"),
            true,
        ),
        (
            "to sign",
            p256.with(json!({"key_ops": ["sign"]})),
            all,
            Signer::p256("a"),
            false,
        ),
        (
            "to do nothing",
            p256.with(json!({"key_ops": []})),
            all,
            Signer::p256("a"),
            false,
        ),
        (
            "with a certificate",
            p256.with(json!({"x5c": ["x"]})),
            all,
            Signer::p256("a"),
            true,
        ),
        (
            "not allowed",
            p256.bare(),
            &[RS256],
            Signer::p256("a"),
            false,
        ),
        (
            "P-384",
            Signer::p384("a").jwk(),
            all,
            Signer::p384("a"),
            true,
        ),
        ("RSA, RS256", rsa(RS256).bare(), all, rsa(RS256), true),
        ("RSA, PS256", rsa(RS256).bare(), all, rsa(PS256), true),
        ("RSA, RS512", rsa(RS256).bare(), all, rsa(RS512), false),
        (
            "RSA for RS256, RS384",
            rsa(RS256).jwk(),
            all,
            rsa(RS384),
            false,
        ),
        (
            "RSA to encrypt",
            rsa(RS256).with(json!({"alg": "RSA-OAEP"})),
            all,
            rsa(RS256),
            false,
        ),
        (
            "Ed25519",
            Signer::ed25519("a").jwk(),
            all,
            Signer::ed25519("a"),
            true,
        ),
        (
            "Ed25519 by its newer name",
            Signer::ed25519("a").with(json!({"alg": "Ed25519"})),
            all,
            Signer::ed25519("a"),
            true,
        ),
        (
            "private",
            p256.with(json!({"d": "AQAB"})),
            all,
            Signer::p256("a"),
            false,
        ),
        (
            "an unknown kind",
            p256.with(json!({"kty": "X"})),
            all,
            Signer::p256("a"),
            false,
        ),
        (
            "off the curve",
            p256.with(json!({"x": "AQAB"})),
            all,
            Signer::p256("a"),
            false,
        ),
        (
            "without a kind",
            json!({"kid": "a"}),
            all,
            Signer::p256("a"),
            false,
        ),
        ("no object", json!(7), all, Signer::p256("a"), false),
    ];
    let good = Signer::other_p256("good");
    for (name, key, allowed, signer, passes) in cases {
        // Another key is there, so that the set is good; it survives whatever stands beside it.
        let rest = Signer::rsa("rest", RS256);
        let keys = Scripted::new(set(&[key.clone(), good.bare(), rest.jwk()])).keys();
        let keys = keys.algorithms(allowed.iter().copied()).unwrap();
        let expected = if passes { 200 } else { 401 };
        assert_eq!(status(&keys, &signer.token()).await, expected, "{name}");
        assert_eq!(status(&keys, &rest.token()).await, 200, "{name}");
    }
}

#[tokio::test]
async fn symmetric_keys_are_never_used() {
    let oct = |alg: &str| json!({"kty": "oct", "kid": "a", "alg": alg, "k": "A".repeat(86)});
    for alg in ["HS256", "HS512", "ES256", "RS256"] {
        let only = Scripted::new(set(&[oct(alg)])).keys();
        let error = only.prefetch().await.unwrap_err();
        assert!(matches!(error, JwksError::NoKey(1)), "{error:?}");
    }
    let good = Signer::p256("good");
    let keys = Scripted::new(set(&[oct("HS256"), good.jwk()])).keys();
    assert_eq!(status(&keys, &good.token()).await, 200);
    let found = keys.status();
    assert_eq!((found.keys, found.skipped), (1, 1));
    let secret = jsonwebtoken::EncodingKey::from_base64_secret(&"A".repeat(86)).ok();
    let secret = secret.unwrap_or_else(|| jsonwebtoken::EncodingKey::from_secret(&[0; 64]));
    let mut header = jsonwebtoken::Header::default();
    header.kid = Some("a".to_owned());
    let forged = jsonwebtoken::encode(&header, &crate::good(), &secret).unwrap();
    let refused = verdict(&keys, &forged).await;
    assert!(
        matches!(refused, Verdict::Refused(JwtRefusal::Key)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn short_rsa_keys_are_refused() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let n = URL_SAFE_NO_PAD.encode([0xff; 128]);
    let short = json!({"kty": "RSA", "kid": "a", "n": n, "e": "AQAB"});
    let error = Scripted::new(set(&[short]))
        .keys()
        .prefetch()
        .await
        .unwrap_err();
    assert!(matches!(error, JwksError::NoKey(1)), "{error:?}");
}

#[tokio::test]
async fn two_keys_of_one_id_are_both_tried() {
    let (one, two) = (Signer::p256("a"), Signer::other_p256("a"));
    let keys = Scripted::new(set(&[one.jwk(), two.jwk()])).keys();
    assert_eq!(status(&keys, &one.token()).await, 200);
    assert_eq!(status(&keys, &two.token()).await, 200);
}

#[tokio::test]
async fn takes_32_usable_keys_and_no_more() {
    let key = |number: usize| {
        let id = format!("{number}");
        Signer::p256(Box::leak(id.into_boxed_str())).jwk()
    };
    let mut all: Vec<_> = (0..32).map(key).collect();
    // What is not used does not count.
    all.extend((0..1_000).map(|_| json!({"kty": "X"})));
    let keys = Scripted::new(set(&all)).keys();
    keys.prefetch().await.unwrap();
    assert_eq!((keys.status().keys, keys.status().skipped), (32, 1_000));
    all.push(key(32));
    let error = Scripted::new(set(&all))
        .keys()
        .prefetch()
        .await
        .unwrap_err();
    assert!(matches!(error, JwksError::TooManyKeys), "{error:?}");
}

#[tokio::test]
async fn what_is_no_key_set_is_refused() {
    let good = Signer::p256("a").jwk();
    let cases = [
        "".to_owned(),
        "<html>Sign in</html>".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        json!([good]).to_string(),
        json!({"keys": {"a": good}}).to_string(),
        json!({"keys": null}).to_string(),
        format!("{}{}", set(std::slice::from_ref(&good)), "x"),
        format!(r#"{{"keys":[{good}],"keys":[]}}"#),
        format!(r#"{{"keys":[{good}"#),
        "[".repeat(100_000),
        format!(r#"{{"keys":{}"#, "[".repeat(100_000)),
    ];
    for body in cases {
        let start: String = body.chars().take(40).collect();
        let error = Scripted::new(body).keys().prefetch().await.unwrap_err();
        assert!(
            matches!(error, JwksError::Malformed(..)),
            "{start}: {error:?}"
        );
        assert!(!error.to_string().contains("kty"), "{error}");
    }
    let empty = Scripted::new(set(&[])).keys().prefetch().await.unwrap_err();
    assert_eq!(empty.to_string(), "the key set is empty");
}
