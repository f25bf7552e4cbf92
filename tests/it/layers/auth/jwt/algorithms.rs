//! What passes: every algorithm.

use std::convert::Infallible;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response};
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto::sign, encode};
use wythe::{
    Auth, Jwt, JwtKey, Provided,
    auth::{JwtAlgorithm, JwtRefusal},
    with_auth,
};

use super::{Claims, NOW, SECRET, at, good, hs256, request, token, verdict, with_key, with_pem};
use crate::common::{Body, send_to};

#[tokio::test]
async fn passes_the_claims_to_the_handler() {
    async fn whoami(mut request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let Auth(claims) = Auth::<Claims>::from_extensions(request.extensions_mut()).unwrap();
        Ok(Response::new(Body::from(claims.sub)))
    }
    let bearer = format!("Bearer {}", token(&good()));
    let request = request(&[("authorization", &bearer)]);
    let response = send_to(&with_auth(hs256::<Claims>()), request, whoami).await;
    assert_eq!(response.body(), "ann");
}

#[tokio::test]
async fn accepts_every_algorithm_and_refuses_its_tokens_under_every_other() {
    let rsa = EncodingKey::from_rsa_pem(vector!("rsa.private.pem")).unwrap();
    let p256 = EncodingKey::from_ec_pem(vector!("p256.private.pem")).unwrap();
    let p384 = EncodingKey::from_ec_pem(vector!("p384.private.pem")).unwrap();
    let ed25519 = EncodingKey::from_ed_pem(vector!("ed25519.private.pem")).unwrap();
    let secret = EncodingKey::from_secret(SECRET);
    let rsa_pem = vector!("rsa.public.pem");
    let all: [(Algorithm, &EncodingKey, Jwt<Claims>); 12] = [
        (Algorithm::HS256, &secret, Jwt::hs256(SECRET).unwrap()),
        (Algorithm::HS384, &secret, with_key(JwtKey::hs384(SECRET))),
        (Algorithm::HS512, &secret, with_key(JwtKey::hs512(SECRET))),
        (
            Algorithm::RS256,
            &rsa,
            with_pem(JwtAlgorithm::RS256, rsa_pem),
        ),
        (
            Algorithm::RS384,
            &rsa,
            with_pem(JwtAlgorithm::RS384, vector!("rsa.public.pkcs1.pem")),
        ),
        (
            Algorithm::RS512,
            &rsa,
            with_pem(JwtAlgorithm::RS512, rsa_pem),
        ),
        (
            Algorithm::PS256,
            &rsa,
            with_pem(JwtAlgorithm::PS256, rsa_pem),
        ),
        (
            Algorithm::PS384,
            &rsa,
            with_pem(JwtAlgorithm::PS384, rsa_pem),
        ),
        (
            Algorithm::PS512,
            &rsa,
            with_pem(JwtAlgorithm::PS512, rsa_pem),
        ),
        (
            Algorithm::ES256,
            &p256,
            with_pem(JwtAlgorithm::ES256, vector!("p256.public.pem")),
        ),
        (
            Algorithm::ES384,
            &p384,
            with_pem(JwtAlgorithm::ES384, vector!("p384.public.pem")),
        ),
        (
            Algorithm::EdDSA,
            &ed25519,
            with_pem(JwtAlgorithm::EdDSA, vector!("ed25519.public.pem")),
        ),
    ];
    for (algorithm, key, _) in &all {
        let token = encode(&Header::new(*algorithm), &good(), key).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let mut wrong = URL_SAFE_NO_PAD.decode(signature).unwrap();
        wrong[20] ^= 1;
        let tampered = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&wrong));
        let cut = format!(
            "{message}.{}",
            URL_SAFE_NO_PAD.encode(&wrong[..wrong.len() - 1])
        );
        for (other, _, jwt) in &all {
            let jwt = jwt.clone().clock(at(NOW));
            if other == algorithm {
                assert_eq!(verdict(jwt.clone(), &token).await, Ok(()), "{algorithm:?}");
                for wrong in [&tampered, &cut, &format!("{message}.")] {
                    let refused = verdict(jwt.clone(), wrong).await;
                    assert_eq!(refused, Err(JwtRefusal::Signature), "{algorithm:?} {wrong}");
                }
            } else {
                let refused = verdict(jwt, &token).await;
                assert_eq!(
                    refused,
                    Err(JwtRefusal::Key),
                    "{algorithm:?} under {other:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn accepts_eddsa_by_its_newer_name() {
    let jwt = with_pem(JwtAlgorithm::EdDSA, vector!("ed25519.public.pem")).clock(at(NOW));
    assert_eq!(verdict(jwt, &Ed25519::token("Ed25519")).await, Ok(()));
}

/// `jsonwebtoken` does not sign with it.
#[tokio::test]
async fn accepts_es512() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(66);
    let key = serde_json::json!({
        "kty": "EC", "crv": "P-521", "alg": "ES512",
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
    });
    let jwt = || with_key::<Claims>(JwtKey::jwk(JwtAlgorithm::ES512, key.to_string()));
    let message = [r#"{"alg":"ES512"}"#.to_owned(), good().to_string()];
    let message = message.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    let mut signature = signature.as_ref().to_vec();
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&signature));
    assert_eq!(verdict(jwt().clock(at(NOW)), &token).await, Ok(()));
    signature[100] ^= 1;
    let tampered = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&signature));
    let refused = verdict(jwt().clock(at(NOW)), &tampered).await;
    assert_eq!(refused, Err(JwtRefusal::Signature));
}

/// RFC 9864 gives `EdDSA` on Ed25519 this name, in tokens and in keys.
#[tokio::test]
async fn a_key_with_the_newer_name_verifies_tokens_with_either() {
    let public = URL_SAFE_NO_PAD.encode(Ed25519::public());
    let jwk = |alg: &str| {
        serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "alg": alg, "x": public }).to_string()
    };
    for (named, alg) in [
        ("Ed25519", "Ed25519"),
        ("Ed25519", "EdDSA"),
        ("EdDSA", "Ed25519"),
    ] {
        let token = Ed25519::token(alg);
        let algorithm: JwtAlgorithm = named.parse().unwrap();
        for key in [
            JwtKey::jwk(algorithm, jwk(named)).unwrap(),
            JwtKey::jwk_any_of([JwtAlgorithm::RS256, algorithm], jwk(named)).unwrap()[0].clone(),
            JwtKey::jwk_set([algorithm], format!(r#"{{"keys":[{}]}}"#, jwk(named))).unwrap()[0]
                .clone(),
        ] {
            let jwt = Jwt::keys([key]).unwrap().clock(at(NOW));
            assert_eq!(verdict(jwt, &token).await, Ok(()), "{named} {alg}");
        }
    }
}

struct Ed25519;

impl Ed25519 {
    /// The key of `ed25519.public.pem`: its DER ends with the 32 bytes of the point.
    fn public() -> Vec<u8> {
        use base64::engine::general_purpose::STANDARD;
        let pem = std::str::from_utf8(vector!("ed25519.public.pem")).unwrap();
        let lines = pem.lines().filter(|line| !line.starts_with('-'));
        let der = STANDARD.decode(lines.collect::<String>()).unwrap();
        der[der.len() - 32..].to_vec()
    }

    fn token(alg: &str) -> String {
        let key = EncodingKey::from_ed_pem(vector!("ed25519.private.pem")).unwrap();
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}"}}"#));
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(good().to_string()));
        let signature = sign(message.as_bytes(), &key, Algorithm::EdDSA).unwrap();
        format!("{message}.{signature}")
    }
}
