//! What is used of a key set.

use serde_json::{Value, json};
use wythe::auth::{
    JwksError,
    JwtAlgorithm::{self, ES256, ES384, EdDSA, PS256, RS256, RS384, RS512},
    JwtRefusal,
};

use super::{Verdict, scripted::Scripted, set, signer::Signer, status, verdict};

const ALL: &[JwtAlgorithm] = &[RS256, RS384, PS256, ES256, ES384, EdDSA];

/// A key, the algorithms that are allowed, who signs, and whether the token passes.
type Case = (&'static str, Value, &'static [JwtAlgorithm], Signer, bool);

async fn check(cases: impl IntoIterator<Item = Case>) {
    let good = Signer::other_p256("good");
    for (name, key, allowed, signer, passes) in cases {
        // Other keys are there, so that the set is good; they survive whatever stands beside them.
        let rest = Signer::rsa("rest", RS256);
        let keys = Scripted::new(set(&[key, good.bare(), rest.jwk()])).keys();
        let keys = keys.algorithms(allowed.iter().copied()).unwrap();
        let expected = if passes { 200 } else { 401 };
        assert_eq!(status(&keys, &signer.token()).await, expected, "{name}");
        assert_eq!(status(&keys, &rest.token()).await, 200, "{name}");
    }
}

#[tokio::test]
async fn a_key_is_used_for_its_purpose() {
    let cases = [
        ("nothing said", json!({}), true),
        ("for signatures", json!({"use": "sig"}), true),
        ("for encryption", json!({"use": "enc"}), false),
        ("of an unknown use", json!({"use": "x"}), false),
        ("of its algorithm", json!({"alg": "ES256"}), true),
        ("of another", json!({"alg": "ES384"}), false),
        ("of an unknown one", json!({"alg": "X"}), false),
        ("of a number", json!({"alg": 1}), false),
        ("to verify", json!({"key_ops": ["verify"]}), true),
        ("to sign", json!({"key_ops": ["sign"]}), false),
        ("to do nothing", json!({"key_ops": []}), false),
        ("with a certificate", json!({"x5c": ["x"]}), true),
        ("private", json!({"d": "AQAB"}), false),
        ("of an unknown kind", json!({"kty": "X"}), false),
        ("off the curve", json!({"x": "AQAB"}), false),
    ];
    let case = |(name, members, passes)| {
        let signer = Signer::p256("a");
        (name, signer.with(members), ALL, signer, passes)
    };
    check(cases.map(case)).await;
}

#[tokio::test]
async fn a_key_is_used_for_the_allowed_algorithms() {
    let rsa = |algorithm| Signer::rsa("a", algorithm);
    let (p256, p384) = (Signer::p256("a"), Signer::p384("a"));
    let ed25519 = Signer::ed25519("a");
    let newer_name = ed25519.with(json!({"alg": "Ed25519"}));
    let oaep = rsa(RS256).with(json!({"alg": "RSA-OAEP"}));
    let without_kind = json!({"kid": "a"});
    check([
        ("P-256", p256.bare(), ALL, Signer::p256("a"), true),
        ("not allowed", p256.bare(), &[RS256], p256, false),
        ("P-384", p384.jwk(), ALL, p384, true),
        ("RSA, RS256", rsa(RS256).bare(), ALL, rsa(RS256), true),
        ("RSA, PS256", rsa(RS256).bare(), ALL, rsa(PS256), true),
        ("RSA, RS512", rsa(RS256).bare(), ALL, rsa(RS512), false),
        ("RSA for RS256", rsa(RS256).jwk(), ALL, rsa(RS384), false),
        ("RSA to encrypt", oaep, ALL, rsa(RS256), false),
        ("Ed25519", ed25519.jwk(), ALL, Signer::ed25519("a"), true),
        ("newer name", newer_name, ALL, ed25519, true),
        ("no kind", without_kind, ALL, Signer::p256("a"), false),
        ("no object", json!(7), ALL, Signer::p256("a"), false),
    ])
    .await;
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
    let header = jsonwebtoken::Header {
        kid: Some("a".to_owned()),
        ..jsonwebtoken::Header::default()
    };
    let forged = jsonwebtoken::encode(&header, &super::good(), &secret).unwrap();
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
async fn two_keys_with_one_id_are_both_tried() {
    let (one, two) = (Signer::p256("a"), Signer::other_p256("a"));
    let keys = Scripted::new(set(&[one.jwk(), two.jwk()])).keys();
    assert_eq!(status(&keys, &one.token()).await, 200);
    assert_eq!(status(&keys, &two.token()).await, 200);
}

#[tokio::test]
async fn accepts_at_most_32_usable_keys() {
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

/// Whatever is wrong with one key, the others of the set are used.
#[tokio::test]
async fn one_bad_key_does_not_make_a_set_unusable() {
    let good = Signer::p256("good").jwk();
    let nested = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    for bad in [
        r#"{"kty":"RSA","n":1e999,"e":"AQAB"}"#.to_owned(),
        r#"{"kty":"EC","kid":"\ud800"}"#.to_owned(),
        r#"{"kty":"EC","kty":"EC"}"#.to_owned(),
        r#"{"kty":"RSA","n":"====","e":""}"#.to_owned(),
        r#"{"kty":"RSA","n":"","e":"AQAB"}"#.to_owned(),
        format!(r#"{{"kty":"EC","x5c":{nested}}}"#),
        nested.clone(),
    ] {
        let body = format!(r#"{{"keys":[{bad},{good}]}}"#);
        let keys = Scripted::new(body).keys();
        keys.prefetch().await.unwrap();
        let status = keys.status();
        assert_eq!((status.keys, status.skipped), (1, 1), "{bad}");
    }
}

#[tokio::test]
async fn zeros_before_a_number_and_padding_do_not_matter() {
    use base64::{
        Engine, engine::general_purpose::URL_SAFE, engine::general_purpose::URL_SAFE_NO_PAD,
    };
    let signer = Signer::rsa("a", RS256);
    let n = signer.jwk()["n"].as_str().unwrap().to_owned();
    let n = URL_SAFE_NO_PAD.decode(n).unwrap();
    for n in [
        URL_SAFE_NO_PAD.encode([&[0], n.as_slice()].concat()),
        URL_SAFE.encode([&[0, 0], n.as_slice()].concat()),
        URL_SAFE.encode(&n),
    ] {
        let keys = Scripted::new(set(&[signer.with(json!({ "n": n }))])).keys();
        assert_eq!(status(&keys, &signer.token()).await, 200);
    }
}

/// A set as long as a response may be, of which each key costs as much as possible.
#[tokio::test]
async fn a_hostile_set_is_read_quickly() {
    let zeros = format!(r#"{{"keys":[{}0]}}"#, "0,".repeat(500_000));
    let even = format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}A"}}"#, "_".repeat(341));
    let even = format!(r#"{{"keys":[{}]}}"#, vec![even; 2_000].join(","));
    let large = format!(
        r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#,
        "_".repeat(1_000_000)
    );
    let large = format!(r#"{{"keys":[{large}]}}"#);
    let deep = format!(
        r#"{{"keys":[{}{}]}}"#,
        "[".repeat(500_000),
        "]".repeat(500_000)
    );
    for (name, body) in [
        ("zeros", zeros),
        ("even", even),
        ("large", large),
        ("deep", deep),
    ] {
        let all = [RS256, RS384, RS512, PS256, ES256, EdDSA];
        let keys = Scripted::new(body).keys().algorithms(all).unwrap();
        let start = std::time::Instant::now();
        let error = keys.prefetch().await.unwrap_err();
        let took = start.elapsed();
        // A debug build is twenty times slower than a release build.
        assert!(took < std::time::Duration::from_secs(5), "{name}: {took:?}");
        println!("{name}: {took:?} {error}");
    }
}

#[tokio::test]
async fn refuses_malformed_key_sets() {
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
