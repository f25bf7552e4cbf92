//! What passes: every algorithm, and the examples of the standards.

use std::convert::Infallible;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto::sign, encode};
use serde_json::{Value, json};
use wythe::{Auth, Jwt, JwtRefusal, Provided, with_auth};

use crate::{
    Claims, NOW, SECRET, answer, at, good, hs256, jwk, reason, request,
    support::{Body, send_to},
    token, verdict,
};

#[tokio::test]
async fn hands_the_claims_to_the_handler() {
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
        (Algorithm::HS384, &secret, Jwt::hs384(SECRET).unwrap()),
        (Algorithm::HS512, &secret, Jwt::hs512(SECRET).unwrap()),
        (Algorithm::RS256, &rsa, Jwt::rs256_pem(rsa_pem).unwrap()),
        (
            Algorithm::RS384,
            &rsa,
            Jwt::rs384_pem(vector!("rsa.public.pkcs1.pem")).unwrap(),
        ),
        (Algorithm::RS512, &rsa, Jwt::rs512_pem(rsa_pem).unwrap()),
        (Algorithm::PS256, &rsa, Jwt::ps256_pem(rsa_pem).unwrap()),
        (Algorithm::PS384, &rsa, Jwt::ps384_pem(rsa_pem).unwrap()),
        (Algorithm::PS512, &rsa, Jwt::ps512_pem(rsa_pem).unwrap()),
        (
            Algorithm::ES256,
            &p256,
            Jwt::es256_pem(vector!("p256.public.pem")).unwrap(),
        ),
        (
            Algorithm::ES384,
            &p384,
            Jwt::es384_pem(vector!("p384.public.pem")).unwrap(),
        ),
        (
            Algorithm::EdDSA,
            &ed25519,
            Jwt::eddsa_pem(vector!("ed25519.public.pem")).unwrap(),
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

/// RFC 7515, appendix A.1.1: the claims of the examples A.1 to A.3, for which `exp` is 1300819380.
const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

#[tokio::test]
async fn accepts_the_examples_of_the_standards() {
    let cases = [
        (
            // Also RFC 7519, section 3.1.
            "RFC 7515, A.1",
            Algorithm::HS256,
            json!({ "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow" }),
            format!(
                "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
            ),
        ),
        (
            "RFC 7515, A.2",
            Algorithm::RS256,
            json!({ "kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ" }),
            format!(
                "eyJhbGciOiJSUzI1NiJ9.{JOE}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
            ),
        ),
        (
            "RFC 7515, A.3",
            Algorithm::ES256,
            json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }),
            format!(
                "eyJhbGciOiJFUzI1NiJ9.{JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
            ),
        ),
    ];
    for (name, algorithm, key, token) in cases {
        let jwt = Jwt::<Value>::jwk(algorithm, &jwk(key))
            .unwrap()
            .issuer("joe");
        let bearer = format!("Bearer {token}");
        let fields = [("authorization", bearer.as_str())];
        let before = answer(jwt.clone().clock(at(1_300_819_379)), &fields).await;
        assert_eq!(before.status(), StatusCode::OK, "{name}");
        let after = answer(jwt.clock(at(1_300_819_380)), &fields).await;
        assert_eq!(reason(&after), JwtRefusal::Expired, "{name}");
    }
}

#[tokio::test]
async fn accepts_the_signature_of_rfc_8037_whose_text_is_no_json() {
    // RFC 8037, appendix A.4: what is signed is "Example of Ed25519 signing", so the signature
    // passes and the claims do not.
    let key = jwk(
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }),
    );
    let jwt = Jwt::jwk(Algorithm::EdDSA, &key).unwrap().clock(at(NOW));
    let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let start =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0K";
    let right = verdict(jwt.clone(), &format!("{message}.{start}Ag")).await;
    assert_eq!(right, Err(JwtRefusal::Malformed));
    let wrong = verdict(jwt, &format!("{message}.{start}Aw")).await;
    assert_eq!(wrong, Err(JwtRefusal::Signature));
}

#[tokio::test]
async fn knows_eddsa_by_its_newer_name() {
    let key = EncodingKey::from_ed_pem(vector!("ed25519.private.pem")).unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"Ed25519"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(good().to_string()));
    let signature = sign(message.as_bytes(), &key, Algorithm::EdDSA).unwrap();
    let jwt = Jwt::eddsa_pem(vector!("ed25519.public.pem"))
        .unwrap()
        .clock(at(NOW));
    assert_eq!(
        verdict(jwt, &format!("{message}.{signature}")).await,
        Ok(())
    );
}
