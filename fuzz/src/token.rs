//! Tokens, and the layer that verifies them.

use std::time::{Duration, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, Request, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
use serde::Deserialize;
use wythe::{Auth, Jwt, JwtIssuer, JwtKey, with_auth};

use crate::{Handler, problem, send};

const SECRET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// What the clock of the layer shows.
pub const NOW: u32 = 1_800_000_000;

/// The claims that the layer reads.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Claims {
    pub sub: String,
}

/// A scheme that takes tokens of [`token`] in the `Authorization` field and in the cookie `token`.
pub fn scheme() -> Jwt<Claims> {
    bearer().cookie("token").unwrap()
}

/// A scheme that takes tokens of [`token`] in the `Authorization` field alone.
pub fn bearer() -> Jwt<Claims> {
    let now = UNIX_EPOCH + Duration::from_secs(NOW.into());
    Jwt::hs256(SECRET).unwrap().clock(move || now)
}

/// A scheme that takes tokens of [`token`] from the issuer `us` alone: of `them`, it has another key
/// of the same id.
pub fn issuers() -> Jwt<Claims> {
    let issuer = |name: &str, secret: [u8; 32]| {
        let key = JwtKey::hs256(secret).unwrap().id("1");
        JwtIssuer::new(name, [key]).unwrap()
    };
    let mut other = *SECRET;
    other.reverse();
    let now = UNIX_EPOCH + Duration::from_secs(NOW.into());
    let scheme = Jwt::issuers([issuer("them", other), issuer("us", *SECRET)]).unwrap();
    scheme.clock(move || now)
}

/// A token with this header and these claims, signed with the key of [`scheme`].
pub fn token(header: &[u8], claims: &[u8]) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let signed = format!("{header}.{claims}");
    let key = EncodingKey::from_secret(SECRET);
    let signature = sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{signed}.{signature}")
}

/// The token of Ann, which passes.
pub fn valid_token() -> String {
    let claims = format!(r#"{{"sub":"ann","exp":{}}}"#, NOW + 60);
    token(br#"{"typ":"JWT","alg":"HS256"}"#, claims.as_bytes())
}

/// Who a request comes from, by the scheme, or the status of the refusal, which is well-formed.
pub fn authenticate(scheme: &Jwt<Claims>, fields: HeaderMap) -> Result<Claims, StatusCode> {
    let mut request = Request::new(Default::default());
    *request.headers_mut() = fields;
    let response = send(&with_auth(scheme.clone()), request, Handler::default());
    if let Some(Auth(claims)) = response.extensions().get::<Auth<Claims>>() {
        assert_eq!(response.status(), 200);
        return Ok(claims.clone());
    }
    problem(&response);
    assert!(
        [400, 401].contains(&response.status().as_u16()),
        "{response:?}"
    );
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.starts_with(r#"Bearer realm="api""#),
        "{challenge}"
    );
    Err(response.status())
}
