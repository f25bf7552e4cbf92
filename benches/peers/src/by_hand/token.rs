//! HS256 with a key that is prepared once, and claims that are parsed once.

use std::time::SystemTime;

use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use wythe_bench_harness::request::{AUDIENCE, ISSUER, SECRET};

pub(super) struct Verifier(Hmac<Sha256>);

#[derive(Debug, Deserialize)]
struct Header<'t> {
    #[serde(borrow)]
    alg: &'t str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Registered<'t> {
    #[serde(borrow)]
    iss: &'t str,
    #[serde(borrow)]
    aud: &'t str,
    exp: u64,
    pub(super) sub: String,
}

impl Verifier {
    pub(super) fn new() -> Self {
        Self(Hmac::new_from_slice(SECRET).expect("any length will do"))
    }

    pub(super) fn claims(&self, headers: &HeaderMap) -> Option<String> {
        let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (signed, signature) = token.strip_prefix("Bearer ")?.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let mut mac = [0; 32];
        URL_SAFE_NO_PAD
            .decode_slice_unchecked(signature, &mut mac)
            .ok()?;
        self.0
            .clone()
            .chain_update(signed)
            .verify_slice(&mac)
            .ok()?;
        let mut buffer = [0; 512];
        let length = URL_SAFE_NO_PAD.decode_slice(header, &mut buffer).ok()?;
        let header: Header<'_> = serde_json::from_slice(buffer.get(..length)?).ok()?;
        if header.alg != "HS256" {
            return None;
        }
        let length = URL_SAFE_NO_PAD.decode_slice(payload, &mut buffer).ok()?;
        let claims: Registered<'_> = serde_json::from_slice(buffer.get(..length)?).ok()?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let valid =
            claims.iss == ISSUER && claims.aud == AUDIENCE && claims.exp > now.ok()?.as_secs();
        valid.then_some(claims.sub)
    }
}
