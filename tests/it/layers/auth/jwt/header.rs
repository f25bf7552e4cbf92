//! The header, and the key that it names.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto::sign, encode};
use serde_json::json;
use wythe::{
    Jwt, JwtKey,
    auth::{JwtAlgorithm, JwtRefusal},
};

use super::{NOW, at, good, hs256, raw, signed, verdict, with_pem};

#[tokio::test]
async fn refuses_unsigned_tokens() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg }).to_string());
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(good().to_string()));
        let unsigned = format!("{message}.");
        assert_eq!(
            verdict(hs256(), &unsigned).await,
            Err(JwtRefusal::Key),
            "{alg}"
        );
        // Signed all the same.
        assert_eq!(
            verdict(hs256(), &signed(&message)).await,
            Err(JwtRefusal::Key),
            "{alg}"
        );
    }
}

#[tokio::test]
async fn refuses_tokens_signed_with_the_public_key_as_a_secret() {
    let pem = vector!("rsa.public.pem");
    let secret = EncodingKey::from_secret(pem);
    let jwt = with_pem(JwtAlgorithm::RS256, pem).clock(at(NOW));
    let honest = encode(&Header::new(Algorithm::HS256), &good(), &secret).unwrap();
    assert_eq!(verdict(jwt.clone(), &honest).await, Err(JwtRefusal::Key));
    // With the header of RS256, and the signature of HS256.
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(good().to_string()));
    let signature = sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap();
    let forged = format!("{message}.{signature}");
    assert_eq!(verdict(jwt, &forged).await, Err(JwtRefusal::Signature));
}

#[tokio::test]
async fn refuses_tokens_that_contain_their_own_key() {
    let other = [b'x'; 32];
    let mut header = Header::new(Algorithm::HS256);
    let jwk = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(other) });
    header.jwk = Some(serde_json::from_value(jwk).unwrap());
    let token = encode(&header, &good(), &EncodingKey::from_secret(&other)).unwrap();
    assert_eq!(verdict(hs256(), &token).await, Err(JwtRefusal::Signature));
}

#[tokio::test]
async fn chooses_the_key_by_its_id() {
    fn key(name: u8) -> [u8; 32] {
        std::array::from_fn(|at| if at == 0 { name } else { b'k' })
    }
    let signed_by = |name: u8, id: Option<&str>| {
        let header = Header {
            kid: id.map(ToOwned::to_owned),
            ..Header::default()
        };
        encode(&header, &good(), &EncodingKey::from_secret(&key(name))).unwrap()
    };
    let with_id = |name: u8, id: &str| JwtKey::hs256(key(name)).unwrap().id(id);
    let without = |name: u8| JwtKey::hs256(key(name)).unwrap();
    let two = || Jwt::keys([with_id(b'a', "a"), with_id(b'b', "b")]).unwrap();
    let mixed = || Jwt::keys([with_id(b'a', "a"), without(b'c')]).unwrap();
    let cases = [
        (
            "the key of its id",
            two(),
            signed_by(b'b', Some("b")),
            Ok(()),
        ),
        (
            "no id, the second key",
            two(),
            signed_by(b'b', None),
            Ok(()),
        ),
        (
            "another key than it names",
            two(),
            signed_by(b'b', Some("a")),
            Err(JwtRefusal::Signature),
        ),
        (
            "an unknown id",
            two(),
            signed_by(b'b', Some("c")),
            Err(JwtRefusal::Key),
        ),
        (
            "another case",
            two(),
            signed_by(b'b', Some("B")),
            Err(JwtRefusal::Key),
        ),
        (
            "an unknown id, a key without",
            mixed(),
            signed_by(b'c', Some("c")),
            Ok(()),
        ),
        (
            "a known id, a key without",
            mixed(),
            signed_by(b'c', Some("a")),
            Err(JwtRefusal::Signature),
        ),
        (
            "no key's",
            mixed(),
            signed_by(b'd', None),
            Err(JwtRefusal::Signature),
        ),
    ];
    for (name, jwt, token, expected) in cases {
        assert_eq!(
            verdict(jwt.clock(at(NOW)), &token).await,
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn refuses_malformed_headers() {
    use JwtRefusal::{CriticalHeader, Key, Malformed};
    let cases: &[(&str, &str, Result<(), JwtRefusal>)] = &[
        ("plain", r#"{"alg":"HS256"}"#, Ok(())),
        ("typ first", r#"{"typ":"JWT","alg":"HS256"}"#, Ok(())),
        ("alg first", r#"{"alg":"HS256","typ":"JWT"}"#, Ok(())),
        ("with spaces", " {\r\n \"alg\" : \"HS256\" } ", Ok(())),
        ("with an escape", r#"{"alg":"\u0048S256"}"#, Ok(())),
        (
            "with an unknown member",
            r#"{"alg":"HS256","x":[{}]}"#,
            Ok(()),
        ),
        (
            "critical",
            r#"{"alg":"HS256","crit":["x"],"x":1}"#,
            Err(CriticalHeader),
        ),
        // RFC 7797, section 6.
        (
            "unencoded",
            r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
            Err(CriticalHeader),
        ),
        ("without alg", r#"{"typ":"JWT"}"#, Err(Malformed)),
        (
            "alg twice",
            r#"{"alg":"none","alg":"HS256"}"#,
            Err(Malformed),
        ),
        (
            "kid twice",
            r#"{"alg":"HS256","kid":"a","kid":"a"}"#,
            Err(Malformed),
        ),
        (
            "kid a path",
            r#"{"alg":"HS256","kid":["../../dev/null"]}"#,
            Err(Malformed),
        ),
        ("alg null", r#"{"alg":null}"#, Err(Malformed)),
        ("another case", r#"{"alg":"hs256"}"#, Err(Key)),
        ("an array", r#"["HS256"]"#, Err(Malformed)),
        ("empty", "", Err(Malformed)),
        ("cut", r#"{"alg":"HS256""#, Err(Malformed)),
        ("two", r#"{"alg":"HS256"}{}"#, Err(Malformed)),
    ];
    for (name, header, expected) in cases {
        let token = raw(header, good().to_string());
        assert_eq!(&verdict(hs256(), &token).await, expected, "{name}");
    }
    let token = raw(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}", good().to_string());
    assert_eq!(
        verdict(hs256(), &token).await,
        Err(Malformed),
        "invalid UTF-8"
    );
}

#[tokio::test]
async fn can_require_a_token_type() {
    let access = || hs256().token_type("at+jwt");
    let cases = [
        (r#"{"alg":"HS256","typ":"at+jwt"}"#, Ok(())),
        (r#"{"alg":"HS256","typ":"application/AT+JWT"}"#, Ok(())),
        (r#"{"alg":"HS256","typ":"JWT"}"#, Err(JwtRefusal::Type)),
        (r#"{"typ":"JWT","alg":"HS256"}"#, Err(JwtRefusal::Type)),
        (r#"{"alg":"HS256","typ":"xat+jwt"}"#, Err(JwtRefusal::Type)),
        (r#"{"alg":"HS256"}"#, Err(JwtRefusal::Type)),
    ];
    for (header, expected) in cases {
        let token = raw(header, good().to_string());
        assert_eq!(verdict(access(), &token).await, expected, "{header}");
    }
}
