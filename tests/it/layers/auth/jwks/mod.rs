//! `Jwks`: keys fetched from an identity provider that the tests run. Tokens are signed by
//! `jsonwebtoken`.

mod cached;
mod config;
mod discovery;
mod flood;
mod hostile;
mod issuers;
#[cfg(feature = "tracing")]
mod log;
mod outage;
mod provider;
mod rotation;
mod scripted;
mod set;
mod signer;
mod tls;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use wythe::{
    Jwks, Jwt, Problem,
    auth::{JwksError, JwtRefusal},
    with_auth,
};

use crate::common::{empty, get, problem, send};

pub(crate) const NOW: u64 = 1_800_000_000;

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    #[expect(dead_code, reason = "read from the token alone")]
    sub: String,
}

pub(crate) fn at(seconds: u64) -> impl Fn() -> SystemTime + Send + Sync {
    move || UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(crate) fn good() -> Value {
    json!({ "sub": "ann", "exp": NOW + 60 })
}

/// A set of these keys.
pub(crate) fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

pub(crate) fn jwt(keys: &Jwks) -> Jwt<Claims> {
    Jwt::jwks(keys.clone()).unwrap().clock(at(NOW))
}

pub(crate) async fn answer(jwt: Jwt<Claims>, token: &str) -> Response<Bytes> {
    let request = get("/").header("authorization", format!("Bearer {token}"));
    send(&with_auth(jwt), request.body(empty()).unwrap()).await
}

/// What becomes of a token: its request passes, is refused with 401, or answered 503.
#[derive(Debug)]
pub(crate) enum Verdict {
    Passes,
    Refused(JwtRefusal),
    Failed(JwksError),
}

impl Verdict {
    pub(crate) const fn status(&self) -> u16 {
        match self {
            Self::Passes => 200,
            Self::Refused(_) => 401,
            Self::Failed(_) => 503,
        }
    }
}

pub(crate) async fn verdict(keys: &Jwks, token: &str) -> Verdict {
    judged(&answer(jwt(keys), token).await)
}

pub(crate) fn judged(response: &Response<Bytes>) -> Verdict {
    let challenged = response.headers().contains_key("www-authenticate");
    if response.status() == StatusCode::OK {
        return Verdict::Passes;
    }
    assert_eq!(challenged, response.status() == StatusCode::UNAUTHORIZED);
    let cause = response.extensions().get::<Problem>().unwrap().cause();
    let cause = cause.unwrap();
    if response.status() == StatusCode::UNAUTHORIZED {
        problem(response, StatusCode::UNAUTHORIZED);
        return Verdict::Refused(cause.downcast_ref::<JwtRefusal>().unwrap().clone());
    }
    problem(response, StatusCode::SERVICE_UNAVAILABLE);
    Verdict::Failed(cause.downcast_ref::<JwksError>().unwrap().clone())
}

/// The status that a token is answered with.
pub(crate) async fn status(keys: &Jwks, token: &str) -> u16 {
    verdict(keys, token).await.status()
}

/// Lets the tasks that are ready run until none is: what was spawned has ended, unless it waits.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
