//! Several issuers, each with its own keys.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use wythe::{
    Jwt, JwtIssuer, JwtKey,
    auth::{JwtAlgorithm, JwtRefusal},
};

use super::{AUDIENCE, Claims, ISSUER, NOW, at, verdict};

const A: &str = "https://a.example";
const B: &str = "https://b.example";

const fn secret(issuer: u8) -> [u8; 32] {
    let mut secret = *b"32 bytes that two issuers have..";
    secret[31] = issuer;
    secret
}

fn key(issuer: u8) -> JwtKey {
    JwtKey::hs256(secret(issuer)).unwrap()
}

/// Two issuers whose keys have the same id.
fn two() -> [JwtIssuer; 2] {
    [(A, b'a'), (B, b'b')].map(|(name, byte)| JwtIssuer::new(name, [key(byte).id("1")]).unwrap())
}

fn issuers(issuers: impl IntoIterator<Item = JwtIssuer>) -> Jwt<Claims> {
    Jwt::issuers(issuers).unwrap().clock(at(NOW))
}

/// A token signed with an issuer's secret, whatever it says.
fn signed(issuer: u8, id: Option<&str>, claims: &Value) -> String {
    let header = Header {
        kid: id.map(ToOwned::to_owned),
        ..Header::default()
    };
    let mut all = json!({ "sub": "ann", "exp": NOW + 60 });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    encode(&header, &all, &EncodingKey::from_secret(&secret(issuer))).unwrap()
}

#[tokio::test]
async fn a_key_verifies_only_tokens_of_its_own_issuer() {
    use JwtRefusal::Signature;
    let cases = [
        ("A by A", b'a', json!({ "iss": A }), Ok(())),
        ("B by B", b'b', json!({ "iss": B }), Ok(())),
        ("A by B", b'b', json!({ "iss": A }), Err(Signature)),
        ("B by A", b'a', json!({ "iss": B }), Err(Signature)),
        ("A by nobody", b'c', json!({ "iss": A }), Err(Signature)),
        ("an unknown name", b'a', json!({ "iss": "c" }), Err(ISSUER)),
        ("no name", b'a', json!({}), Err(ISSUER)),
        ("a null name", b'a', json!({ "iss": null }), Err(ISSUER)),
        ("an empty name", b'a', json!({ "iss": "" }), Err(ISSUER)),
        (
            "almost A",
            b'a',
            json!({ "iss": "https://a.example/" }),
            Err(ISSUER),
        ),
        (
            "A in capitals",
            b'a',
            json!({ "iss": "https://A.example" }),
            Err(ISSUER),
        ),
        (
            "both",
            b'a',
            json!({ "iss": [A, B] }),
            Err(JwtRefusal::Malformed),
        ),
    ];
    for (name, signer, claims, expected) in cases {
        for id in [None, Some("1")] {
            let token = signed(signer, id, &claims);
            assert_eq!(
                verdict(issuers(two()), &token).await,
                expected,
                "{name} {id:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_names_its_issuer_once() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let sign = |claims: &str| {
        let [header, claims] =
            [r#"{"alg":"HS256"}"#, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let message = format!("{header}.{claims}");
        let key = EncodingKey::from_secret(&secret(b'a'));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    };
    let claims = |names: &str| format!(r#"{{{names},"sub":"ann","exp":{}}}"#, NOW + 60);
    let cases = [
        ("once", r#""iss":"https://a.example""#, Ok(())),
        (
            "escaped",
            r#""i\u0073s":"https:\/\/\u0061.example""#,
            Ok(()),
        ),
        (
            "A and B",
            r#""iss":"https://a.example","iss":"https://b.example""#,
            Err(JwtRefusal::Malformed),
        ),
        (
            "B and, escaped, A",
            r#""iss":"https://b.example","\u0069ss":"https://a.example""#,
            Err(JwtRefusal::Malformed),
        ),
        ("within", r#""x":{"iss":"https://a.example"}"#, Err(ISSUER)),
    ];
    for (name, names, expected) in cases {
        let token = sign(&claims(names));
        assert_eq!(verdict(issuers(two()), &token).await, expected, "{name}");
    }
}

#[tokio::test]
async fn an_algorithm_of_one_issuer_is_not_accepted_for_another() {
    let es256 = JwtKey::pem(JwtAlgorithm::ES256, vector!("p256.public.pem")).unwrap();
    let jwt = issuers([
        JwtIssuer::new(A, [key(b'a').id("1")]).unwrap(),
        JwtIssuer::new(B, [es256.id("1")]).unwrap(),
    ]);
    let header = Header {
        kid: Some("1".to_owned()),
        ..Header::new(Algorithm::ES256)
    };
    let private = EncodingKey::from_ec_pem(vector!("p256.private.pem")).unwrap();
    let by_b = |iss: &str| {
        let claims = json!({ "sub": "ann", "exp": NOW + 60, "iss": iss });
        encode(&header, &claims, &private).unwrap()
    };
    let cases = [
        ("A's", signed(b'a', Some("1"), &json!({ "iss": A })), Ok(())),
        ("B's", by_b(B), Ok(())),
        (
            "A's secret in B's name",
            signed(b'a', Some("1"), &json!({ "iss": B })),
            Err(JwtRefusal::Key),
        ),
        ("B's key in A's name", by_b(A), Err(JwtRefusal::Key)),
    ];
    for (name, token, expected) in cases {
        assert_eq!(verdict(jwt.clone(), &token).await, expected, "{name}");
    }
}

#[tokio::test]
async fn an_issuer_named_for_all_only_restricts() {
    let a = signed(b'a', None, &json!({ "iss": A }));
    let b = signed(b'b', None, &json!({ "iss": B }));
    let c = signed(b'a', None, &json!({ "iss": "https://c.example" }));
    let nameless = signed(b'a', None, &json!({}));
    let refused = || Err(ISSUER);
    for (name, jwt, expected) in [
        (
            "both issuers",
            issuers(two()),
            [Ok(()), Ok(()), refused(), refused()],
        ),
        (
            "A of both",
            issuers(two()).issuer(A),
            [Ok(()), refused(), refused(), refused()],
        ),
        (
            "another name for both",
            issuers(two()).issuer("https://c.example"),
            [refused(), refused(), refused(), refused()],
        ),
        (
            "A alone",
            issuers(two().into_iter().take(1)),
            [Ok(()), refused_by_key(), refused(), refused()],
        ),
        (
            "another name for A alone",
            issuers(two().into_iter().take(1)).issuer("https://c.example"),
            [refused(), refused_by_key(), refused(), refused()],
        ),
    ] {
        for (token, expected) in [&a, &b, &c, &nameless].into_iter().zip(expected) {
            assert_eq!(verdict(jwt.clone(), token).await, expected, "{name}");
        }
    }
}

/// Where there is one issuer, the signature is looked at first.
const fn refused_by_key() -> Result<(), JwtRefusal> {
    Err(JwtRefusal::Signature)
}

#[tokio::test]
async fn an_issuer_may_have_audiences_of_its_own() {
    let [a, b] = two();
    let jwt = issuers([a, b.audience("client-7").audience("client-8")]).audience("api");
    let cases = [
        ("A to api", b'a', A, json!("api"), Ok(())),
        ("A to B's name", b'a', A, json!("client-7"), Err(AUDIENCE)),
        ("A to nobody", b'a', A, Value::Null, Err(AUDIENCE)),
        ("B to its name", b'b', B, json!("client-7"), Ok(())),
        ("B to its other name", b'b', B, json!(["client-8"]), Ok(())),
        ("B to A's name", b'b', B, json!("api"), Err(AUDIENCE)),
        ("B to nobody", b'b', B, Value::Null, Err(AUDIENCE)),
    ];
    for (name, signer, iss, aud, expected) in cases {
        let token = signed(signer, None, &json!({ "iss": iss, "aud": aud }));
        assert_eq!(verdict(jwt.clone(), &token).await, expected, "{name}");
    }
}
