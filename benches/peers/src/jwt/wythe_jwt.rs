//! The scheme `Jwt`, called with the head of a request.

use std::hint::black_box;

use axum::http::{Request, request::Parts};
use jsonwebtoken::Algorithm;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wythe::{
    Jwt, JwtKey, Later, TokenCache,
    auth::{Authenticate, JwtAlgorithm, Verdict},
};
use wythe_bench_harness::Run;

use crate::tokens::{AUDIENCE, Claims, ED25519, ISSUER, P256, RSA, SECRET, Shared, token};

pub(crate) fn without_cache(algorithm: Algorithm) -> Run {
    of_one_token(jwt::<Claims>(algorithm).without_cache(), algorithm)
}

pub(crate) fn cached(algorithm: Algorithm) -> Run {
    of_one_token(jwt::<Claims>(algorithm), algorithm)
}

pub(crate) fn cached_arc(algorithm: Algorithm) -> Run {
    of_one_token(jwt::<Shared>(algorithm), algorithm)
}

pub(crate) fn cached_value(algorithm: Algorithm) -> Run {
    of_one_token(jwt::<Value>(algorithm), algorithm)
}

/// More tokens than fit, in turn: each has been evicted when it comes again.
pub(crate) fn first_sight(algorithm: Algorithm) -> Run {
    let cache = TokenCache::of(64).expect("a cache");
    let jwt = jwt::<Claims>(algorithm).cache(&cache);
    let heads: Vec<Parts> = (0..192).map(|user| head(&token(algorithm, user))).collect();
    let mut next = 0;
    Box::new(move || {
        pass(&jwt, &heads[next % heads.len()]);
        next += 1;
        assert_eq!(cache.hits(), 0, "a token was there");
    })
}

fn of_one_token<C>(jwt: Jwt<C>, algorithm: Algorithm) -> Run
where
    C: DeserializeOwned + Clone + Send + Sync + 'static,
{
    let head = head(&token(algorithm, 0));
    pass(&jwt, &head);
    Box::new(move || pass(&jwt, &head))
}

fn pass<C>(jwt: &Jwt<C>, head: &Parts)
where
    C: DeserializeOwned + Clone + Send + Sync + 'static,
{
    let verdict = jwt.authenticate(black_box(head));
    assert!(
        matches!(verdict, Later::Ready(Verdict::Verified(_))),
        "{verdict:?}"
    );
    drop(black_box(verdict));
}

fn jwt<C>(algorithm: Algorithm) -> Jwt<C>
where
    C: DeserializeOwned + Clone + Send + Sync + 'static,
{
    let key = match algorithm {
        Algorithm::HS256 => JwtKey::hs256(SECRET),
        Algorithm::RS256 => JwtKey::pem(JwtAlgorithm::RS256, RSA),
        Algorithm::ES256 => JwtKey::pem(JwtAlgorithm::ES256, P256),
        _ => JwtKey::pem(JwtAlgorithm::EdDSA, ED25519),
    };
    let jwt = Jwt::keys([key.expect("a key")]).expect("keys");
    jwt.issuer(ISSUER).audience(AUDIENCE)
}

fn head(token: &str) -> Parts {
    let request = Request::get("/orders/7")
        .header("host", "api.example.com")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0)")
        .header("accept", "application/json")
        .header("accept-language", "en-GB,en;q=0.5")
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .header("authorization", format!("Bearer {token}"))
        .header("origin", "https://app.example.com")
        .header("referer", "https://app.example.com/")
        .header("sec-fetch-site", "same-site")
        .header("priority", "u=4");
    request.body(()).expect("a request").into_parts().0
}
