//! What passes: every algorithm.

use std::convert::Infallible;

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
    let key = EncodingKey::from_ed_pem(vector!("ed25519.private.pem")).unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"Ed25519"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(good().to_string()));
    let signature = sign(message.as_bytes(), &key, Algorithm::EdDSA).unwrap();
    let jwt = with_pem(JwtAlgorithm::EdDSA, vector!("ed25519.public.pem")).clock(at(NOW));
    assert_eq!(
        verdict(jwt, &format!("{message}.{signature}")).await,
        Ok(())
    );
}
