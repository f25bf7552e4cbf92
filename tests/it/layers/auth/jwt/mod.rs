//! `Jwt`: what passes, what is refused, and how. Tokens are signed by `jsonwebtoken`.

use crate::common::{Body, empty, get, problem, send};

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/vectors/jwt/",
            $name
        ))
    };
}

mod algorithms;
mod cache;
mod claims;
mod config;
mod examples;
mod header;
mod hostile;
mod issuers;
#[cfg(feature = "tracing")]
mod log;
mod properties;
mod rules;
mod source;
mod text;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto::sign, encode};
use serde::Deserialize;
use serde_json::{Value, json};
use wythe::{
    ConfigError, Jwt, JwtKey, Problem,
    auth::{JwtAlgorithm, JwtRefusal},
    with_auth,
};

pub(crate) const SECRET: &[u8; 64] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
pub(crate) const NOW: u64 = 1_800_000_000;

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
}

pub(crate) fn at(seconds: u64) -> impl Fn() -> SystemTime + Send + Sync {
    move || UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(crate) fn hs256<C: serde::de::DeserializeOwned + Clone + Send + Sync + 'static>() -> Jwt<C> {
    Jwt::hs256(SECRET).unwrap().clock(at(NOW))
}

/// A token of HS256 with these claims.
pub(crate) fn token(claims: &Value) -> String {
    encode(
        &Header::default(),
        claims,
        &EncodingKey::from_secret(SECRET),
    )
    .unwrap()
}

pub(crate) fn good() -> Value {
    json!({ "sub": "ann", "exp": NOW + 60 })
}

/// A token of HS256 with this very header and these very claims, signed right.
pub(crate) fn raw(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let message = [header.as_ref(), claims.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
    signed(&message.join("."))
}

pub(crate) fn signed(message: &str) -> String {
    let key = EncodingKey::from_secret(SECRET);
    let signature = sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

pub(crate) fn request(fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = get("/").body(empty()).unwrap();
    for (name, value) in fields {
        let name = http::HeaderName::try_from(*name).unwrap();
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().append(name, value);
    }
    request
}

pub(crate) async fn answer<C>(jwt: Jwt<C>, fields: &[(&str, &str)]) -> Response<Bytes>
where
    C: serde::de::DeserializeOwned + Clone + Send + Sync + 'static,
{
    send(&with_auth(jwt), request(fields)).await
}

/// What becomes of a token in a bearer header: nothing, or the reason of the refusal.
pub(crate) async fn verdict(jwt: Jwt<Claims>, token: &str) -> Result<(), JwtRefusal> {
    let response = answer(jwt, &[("authorization", &format!("Bearer {token}"))]).await;
    if response.status() == StatusCode::OK {
        return Ok(());
    }
    problem(&response, StatusCode::UNAUTHORIZED);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    let expected = r#"Bearer realm="api", error="invalid_token", error_description=""#;
    assert!(challenge.starts_with(expected), "{challenge}");
    assert!(
        !format!("{response:?}").contains(token),
        "a refusal repeats the token"
    );
    Err(reason(&response))
}

/// The reasons without the names that they quote.
pub(crate) const ISSUER: JwtRefusal = JwtRefusal::Issuer(String::new());
pub(crate) const AUDIENCE: JwtRefusal = JwtRefusal::Audience(String::new());

/// The reason of a refusal, without names that it quotes.
pub(crate) fn reason(response: &Response<Bytes>) -> JwtRefusal {
    let problem = response.extensions().get::<Problem>().unwrap();
    let cause = problem.cause().unwrap();
    match cause.downcast_ref::<JwtRefusal>().unwrap() {
        JwtRefusal::Issuer(_) => ISSUER,
        JwtRefusal::Audience(_) => AUDIENCE,
        other => other.clone(),
    }
}

pub(crate) fn with_key<C: serde::de::DeserializeOwned + Clone + Send + Sync + 'static>(
    key: Result<JwtKey, ConfigError>,
) -> Jwt<C> {
    Jwt::keys([key.unwrap()]).unwrap()
}

pub(crate) fn with_pem<C: serde::de::DeserializeOwned + Clone + Send + Sync + 'static>(
    algorithm: JwtAlgorithm,
    pem: impl AsRef<[u8]>,
) -> Jwt<C> {
    with_key(JwtKey::pem(algorithm, pem))
}
