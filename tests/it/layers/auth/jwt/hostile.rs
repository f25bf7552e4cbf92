//! What others have tried with tokens: each case was a hole in some verifier.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
use serde_json::{Value, json};
use wythe::{
    Jwt, JwtKey,
    auth::{JwtAlgorithm, JwtRefusal},
};

use super::{Claims, NOW, SECRET, answer, at, good, hs256, raw, signed, verdict, with_pem};
use crate::common::problem;

fn es256() -> Jwt<Claims> {
    with_pem(JwtAlgorithm::ES256, vector!("p256.public.pem")).clock(at(NOW))
}

/// Header and claims, ready to be signed.
fn message(header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}")
}

#[tokio::test]
async fn refuses_every_spelling_of_none() {
    let spellings = [
        "none",
        "None",
        "NONE",
        "nOnE",
        " none",
        "none ",
        "none\0",
        "",
        "null",
        "NoneHS256",
        "HS256,none",
        "n\u{f6}ne",
        "\u{feff}none",
    ];
    for alg in spellings {
        let message = message(&json!({ "alg": alg }), &good());
        for (name, token) in [
            ("no signature", format!("{message}.")),
            ("a right one", signed(&message)),
            ("zeros", format!("{message}.{}", "A".repeat(43))),
        ] {
            for jwt in [hs256(), es256()] {
                let refused = verdict(jwt, &token).await;
                assert_eq!(refused, Err(JwtRefusal::Key), "{alg:?}, {name}");
            }
        }
        let without = message.clone();
        assert_eq!(
            verdict(hs256(), &without).await,
            Err(JwtRefusal::Malformed),
            "{alg:?}, two parts"
        );
    }
}

#[tokio::test]
async fn refuses_public_keys_as_secrets_in_every_form() {
    // CVE-2015-9235 and its likes: the verifier's own public key as an HMAC secret.
    let pem = &vector!("p256.public.pem")[..];
    let text = std::str::from_utf8(pem).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(&body).unwrap();
    let point = &der[der.len() - 65..];
    let secrets: [(&str, &[u8]); 6] = [
        ("PEM", pem),
        ("PEM without its last line end", text.trim_end().as_bytes()),
        ("base64", body.as_bytes()),
        ("DER", &der),
        ("the point", point),
        ("x", &point[1..33]),
    ];
    for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for (name, secret) in secrets {
            for (claimed, expected) in [
                (format!("{alg:?}"), JwtRefusal::Key),
                ("ES256".to_owned(), JwtRefusal::Signature),
            ] {
                let message = message(&json!({ "alg": claimed }), &good());
                let key = EncodingKey::from_secret(secret);
                let signature = sign(message.as_bytes(), &key, alg).unwrap();
                let forged = format!("{message}.{signature}");
                assert_eq!(
                    verdict(es256(), &forged).await,
                    Err(expected),
                    "{name}, {alg:?} as {claimed}"
                );
            }
        }
    }
}

#[tokio::test]
async fn refuses_invalid_es256_signatures() {
    let message = message(&json!({ "alg": "ES256" }), &good());
    let key = EncodingKey::from_ec_pem(vector!("p256.private.pem")).unwrap();
    let right = sign(message.as_bytes(), &key, Algorithm::ES256).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(&right).unwrap();
    let (r, s) = bytes.split_at(32);
    // The order of P-256: its multiples count as zero.
    let order: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let der = {
        let pem = std::str::from_utf8(vector!("p256.private.pem")).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let key = STANDARD.decode(body).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key).unwrap();
        let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        signature.as_ref().to_vec()
    };
    let cases: [(&str, Vec<u8>); 12] = [
        // CVE-2022-21449.
        ("r and s zero", vec![0; 64]),
        ("r zero", [&[0; 32], s].concat()),
        ("s zero", [r, &[0; 32]].concat()),
        ("r and s the order", [order, order].concat()),
        (
            "r one and s the order",
            [&[&[0; 31][..], &[1]].concat(), &order[..]].concat(),
        ),
        ("all ones", vec![0xff; 64]),
        ("in DER", der),
        ("swapped", [s, r].concat()),
        ("cut", bytes[..63].to_vec()),
        ("longer", [&bytes[..], &[0]].concat()),
        ("with zeros before", [&[0][..], r, &[0], s].concat()),
        ("empty", vec![]),
    ];
    assert_eq!(
        verdict(es256(), &format!("{message}.{right}")).await,
        Ok(())
    );
    for (name, signature) in cases {
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(
            verdict(es256(), &token).await,
            Err(JwtRefusal::Signature),
            "{name}"
        );
    }
}

#[tokio::test]
async fn ignores_keys_that_a_token_contains_or_refers_to() {
    let other = [b'x'; 64];
    let key = EncodingKey::from_secret(&other);
    let members = [
        (
            "jwk",
            json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(other) }),
        ),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("jku", json!("http://127.0.0.1:1/")),
        ("x5u", json!("https://attacker.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("dGh1bWI")),
        ("iss", json!("https://attacker.example")),
    ];
    for (name, value) in members {
        let mut header = json!({ "alg": "HS256" });
        header[name] = value;
        let message = message(&header, &good());
        let signature = sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        let forged = format!("{message}.{signature}");
        assert_eq!(
            verdict(hs256(), &forged).await,
            Err(JwtRefusal::Signature),
            "{name}"
        );
        // And it makes nothing worse of a token that is signed right.
        assert_eq!(verdict(hs256(), &signed(&message)).await, Ok(()), "{name}");
    }
}

#[tokio::test]
async fn treats_a_key_id_as_a_name_only() {
    let ids = [
        "../../../../dev/null",
        "/etc/passwd",
        "' OR '1'='1",
        "1; DROP TABLE keys",
        "$(id)",
        "https://attacker.example/key",
        "a\0",
        "",
        "\u{202e}1",
        "1 ",
        "%31",
    ];
    let jwt = Jwt::keys([JwtKey::hs256(SECRET).unwrap().id("1")]).unwrap();
    let jwt: Jwt<Claims> = jwt.clock(at(NOW));
    for id in ids {
        // Signed with the right key, with nothing and with the empty file's bytes.
        let message = message(&json!({ "alg": "HS256", "kid": id }), &good());
        assert_eq!(
            verdict(jwt.clone(), &signed(&message)).await,
            Err(JwtRefusal::Key),
            "{id}"
        );
        let key = EncodingKey::from_secret(b"");
        let signature = sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        let forged = format!("{message}.{signature}");
        assert_eq!(
            verdict(jwt.clone(), &forged).await,
            Err(JwtRefusal::Key),
            "{id}"
        );
    }
    let message = message(&json!({ "alg": "HS256", "kid": "1" }), &good());
    assert_eq!(verdict(jwt, &signed(&message)).await, Ok(()));
}

#[tokio::test]
async fn refuses_other_kinds_of_tokens() {
    let claims = good();
    let jwe = json!({ "alg": "RSA-OAEP", "enc": "A256GCM" });
    let nested = signed(&message(&json!({ "alg": "HS256" }), &claims));
    let cases = [
        // RFC 7516, appendix A.1, but for the lengths.
        (
            "JWE",
            format!(
                "{}.OKOa.48V1.5eym.XFBo",
                URL_SAFE_NO_PAD.encode(jwe.to_string())
            ),
        ),
        (
            "JWE, direct",
            "eyJhbGciOiJkaXIifQ..48V1.5eym.XFBo".to_owned(),
        ),
        (
            "a token within a token",
            raw(r#"{"alg":"HS256","cty":"JWT"}"#, nested),
        ),
        (
            "a detached payload",
            signed(&format!(
                "{}.",
                URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#)
            )),
        ),
        // Inflated, it would be claims: `zip` is for JWE alone (RFC 7516, section 4.1.3).
        (
            "compressed claims",
            raw(r#"{"alg":"HS256","zip":"DEF"}"#, b"\x4b\x4c\x04\x00"),
        ),
        (
            "SD-JWT",
            format!("{}~WyJhIl0~", raw(r#"{"alg":"HS256"}"#, claims.to_string())),
        ),
        (
            "PASETO",
            "v2.local.QAxIpVe-ECVNI1z4xQbm_qQYomyT3h8FtV8bxkz8pBJWkT8f".to_owned(),
        ),
    ];
    for (name, token) in cases {
        let refused = verdict(hs256(), &token).await;
        assert_eq!(refused, Err(JwtRefusal::Malformed), "{name}");
    }
    // The JSON serialization is not a bearer token.
    let flattened = r#"{"protected":"e30","payload":"e30","signature":"e30"}"#;
    let bearer = format!("Bearer {flattened}");
    let response = answer(hs256::<Claims>(), &[("authorization", &bearer)]).await;
    problem(&response, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn survives_deeply_nested_and_huge_json() {
    let deep = |open: &str, close: &str, count: usize| {
        format!("{}1{}", open.repeat(count), close.repeat(count))
    };
    let bombs = [
        ("arrays", deep("[", "]", 100_000), true),
        ("objects", deep(r#"{"":"#, "}", 100_000), true),
        ("half of it", "[".repeat(100_000), false),
    ];
    for (name, bomb, is_json) in bombs {
        let claims = format!(r#"{{"sub":"ann","exp":1900000000,"x":{bomb}}}"#);
        let header = format!(r#"{{"alg":"HS256","x":{bomb}}}"#);
        // What nobody asks for is passed over, however deep it is.
        let expected = is_json.then_some(()).ok_or(JwtRefusal::Malformed);
        for token in [
            raw(r#"{"alg":"HS256"}"#, &claims),
            raw(&header, good().to_string()),
        ] {
            let jwt = hs256::<Claims>().max_length(1 << 22).unwrap();
            let strict = jwt.clone().required_claims(["sub"]);
            for jwt in [jwt, strict] {
                assert_eq!(verdict(jwt, &token).await, expected, "{name}");
            }
            let short = verdict(hs256(), &token).await;
            assert_eq!(short, Err(JwtRefusal::TooLong), "{name}");
        }
        // Who asks for all of it is not given what has no end.
        let all = hs256::<Value>().max_length(1 << 22).unwrap();
        let bearer = format!("Bearer {}", raw(r#"{"alg":"HS256"}"#, &claims));
        let response = answer(all, &[("authorization", &bearer)]).await;
        problem(&response, StatusCode::UNAUTHORIZED);
    }
}
