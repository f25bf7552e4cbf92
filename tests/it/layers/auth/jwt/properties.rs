//! What holds for every token.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use wythe::{Jwt, JwtKey, auth::JwtAlgorithm, with_auth};

use super::{Claims, NOW, SECRET, at, good, hs256, raw, request, token, with_key, with_pem};
use crate::common::{problem, send};

fn bearer(token: &[u8]) -> Option<HeaderMap> {
    let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok()?;
    Some(HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]))
}

/// The status for a request with these fields.
fn status(jwt: &Jwt<Claims>, headers: HeaderMap) -> StatusCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut request = request(&[]);
    *request.headers_mut() = headers;
    let response = runtime.block_on(send(&with_auth(jwt.clone()), request));
    if !response.status().is_success() {
        let json = problem(&response, response.status());
        assert!(json["detail"].is_string());
        assert!(response.headers().contains_key("www-authenticate"));
    }
    response.status()
}

/// A scheme and a token that passes, for several algorithms.
fn signed_tokens() -> &'static [(Jwt<Claims>, String)] {
    static TOKENS: LazyLock<Vec<(Jwt<Claims>, String)>> = LazyLock::new(|| {
        let of = |algorithm, jwt: Jwt<Claims>, key: EncodingKey| {
            let token = encode(&Header::new(algorithm), &good(), &key).unwrap();
            (jwt.clock(at(NOW)), token)
        };
        let ec = EncodingKey::from_ec_pem;
        let ed = EncodingKey::from_ed_pem(vector!("ed25519.private.pem"));
        let rsa = || EncodingKey::from_rsa_pem(vector!("rsa.private.pem")).unwrap();
        let rsa_pem = vector!("rsa.public.pem");
        vec![
            of(
                Algorithm::HS256,
                Jwt::hs256(SECRET).unwrap(),
                EncodingKey::from_secret(SECRET),
            ),
            of(
                Algorithm::HS512,
                with_key(JwtKey::hs512(SECRET)),
                EncodingKey::from_secret(SECRET),
            ),
            of(
                Algorithm::RS256,
                with_pem(JwtAlgorithm::RS256, rsa_pem),
                rsa(),
            ),
            of(
                Algorithm::PS256,
                with_pem(JwtAlgorithm::PS256, rsa_pem),
                rsa(),
            ),
            of(
                Algorithm::ES256,
                with_pem(JwtAlgorithm::ES256, vector!("p256.public.pem")),
                ec(vector!("p256.private.pem")).unwrap(),
            ),
            of(
                Algorithm::ES384,
                with_pem(JwtAlgorithm::ES384, vector!("p384.public.pem")),
                ec(vector!("p384.private.pem")).unwrap(),
            ),
            of(
                Algorithm::EdDSA,
                with_pem(JwtAlgorithm::EdDSA, vector!("ed25519.public.pem")),
                ed.unwrap(),
            ),
        ]
    });
    &TOKENS
}

proptest! {
    #[test]
    fn any_changed_bit_of_a_token_is_refused(
        algorithm in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0..8u32,
    ) {
        let (jwt, token) = &signed_tokens()[algorithm.index(signed_tokens().len())];
        let mut token = token.clone().into_bytes();
        prop_assert_eq!(status(jwt, bearer(&token).unwrap()), StatusCode::OK);
        let at = at.index(token.len());
        token[at] ^= 1 << bit;
        if let Some(headers) = bearer(&token) {
            prop_assert!(status(jwt, headers).is_client_error());
        }
    }

    #[test]
    fn any_changed_byte_of_a_token_is_refused(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut token = token(&good()).into_bytes();
        let jwt = hs256();
        prop_assert_eq!(status(&jwt, bearer(&token).unwrap()), StatusCode::OK);
        let at = at.index(token.len());
        prop_assume!(token[at] != to);
        token[at] = to;
        if let Some(headers) = bearer(&token) {
            prop_assert!(status(&jwt, headers).is_client_error());
        }
    }

    #[test]
    fn any_changed_bit_of_what_is_signed_is_refused(at in any::<prop::sample::Index>(), bit in 0..8u32) {
        let token = token(&good());
        let mut parts: Vec<Vec<u8>> =
            token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        let total: usize = parts.iter().map(Vec::len).sum();
        let mut at = at.index(total);
        for part in &mut parts {
            if at < part.len() {
                part[at] ^= 1 << bit;
                break;
            }
            at -= part.len();
        }
        let changed: Vec<_> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        let headers = bearer(changed.join(".").as_bytes()).unwrap();
        prop_assert_eq!(status(&hs256(), headers), StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn no_header_makes_it_panic(
        authorization in prop::option::of("(?i:bearer )?[ -~\u{e9}]{0,40}"),
        cookie in prop::option::of("(token=)?[ -~\u{e9}]{0,40}"),
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in [("authorization", authorization), ("cookie", cookie)] {
            if let Some(value) = value {
                headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
        }
        let jwt = hs256().cookie("token").unwrap();
        prop_assert!(status(&jwt, headers).is_client_error());
    }

    #[test]
    fn no_signed_json_makes_it_panic(
        header in "\\{(\"(alg|kid|typ|crit)\":(\"HS256\"|\"\\\\u00e9\"|1|null|\\[\\]),?){0,3}\\}",
        claims in "\\{(\"(sub|exp|nbf|iss|aud)\":(\"ann\"|-?[0-9]{1,40}(\\.[0-9]{1,3})?|\\[\"a\"\\]|null|\\{\\}),?){0,4}\\}",
    ) {
        let token = raw(header, claims);
        let status = status(&hs256(), bearer(token.as_bytes()).unwrap());
        prop_assert!(status == StatusCode::OK || status == StatusCode::UNAUTHORIZED);
    }
}
