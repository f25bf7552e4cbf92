//! A key set is parsed or rejected, whatever it is. A parsed set contains no secret key, and never
//! more usable keys than keys.
#![no_main]

use std::sync::LazyLock;

use http::Uri;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::runtime::{Builder, Runtime};
use wythe::{
    BoxError, Jwks,
    auth::{FetchKeys, Fetched, JwksError, JwtAlgorithm},
};

const ALGORITHMS: [JwtAlgorithm; 10] = [
    JwtAlgorithm::RS256,
    JwtAlgorithm::RS384,
    JwtAlgorithm::RS512,
    JwtAlgorithm::PS256,
    JwtAlgorithm::PS384,
    JwtAlgorithm::PS512,
    JwtAlgorithm::ES256,
    JwtAlgorithm::ES384,
    JwtAlgorithm::ES512,
    JwtAlgorithm::EdDSA,
];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());

struct Body(Vec<u8>);

impl FetchKeys for Body {
    async fn fetch(&self, _: &Uri, _: usize) -> Result<Fetched, BoxError> {
        Ok(Fetched::new(self.0.clone()))
    }
}

/// A key that could not be read alone does not make the others unusable.
#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

fn is_public(key: &RawValue) -> bool {
    let Ok(key) = serde_json::from_str::<Value>(key.get()) else {
        return false;
    };
    let kinds = ["RSA", "EC", "OKP"];
    let of_a_kind = key["kty"].as_str().is_some_and(|kty| kinds.contains(&kty));
    of_a_kind && key.get("d").is_none() && key.get("k").is_none()
}

fuzz_target!(|body: &[u8]| {
    let keys = Jwks::url("https://id.example.com").unwrap();
    let keys = keys.algorithms(ALGORITHMS).unwrap();
    let keys = keys.transport(Body(body.to_vec()));
    let fetched = RUNTIME.block_on(keys.prefetch());
    let status = keys.status();
    assert_eq!(fetched.is_ok(), status.is_usable);
    let document: Option<Set<'_>> = serde_json::from_slice(body).ok();
    let listed = document.map(|document| document.keys);
    match fetched {
        Ok(()) => {
            let listed = listed.expect("a set that was read is JSON");
            let public = listed.iter().filter(|key| is_public(key)).count();
            assert!((1..=public.min(32)).contains(&status.keys));
            assert_eq!(status.keys + status.skipped, listed.len());
        }
        Err(JwksError::NoKey(skipped)) => {
            assert_eq!(listed.map(|keys| keys.len()), Some(skipped));
        }
        Err(JwksError::TooManyKeys) => {
            assert!(listed.is_some_and(|listed| listed.len() > 32));
        }
        Err(JwksError::Malformed(..)) => {}
        Err(error) => panic!("{error:?}"),
    }
});
