//! Tokens as an identity provider issues them, and keys.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde::{Deserialize, Deserializer, Serialize};

pub(crate) const ISSUER: &str = "https://id.example.com/realms/shop";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

macro_rules! key {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/vectors/jwt/", $name))
    };
}

pub(crate) const RSA: &[u8] = key!("rsa.public.pem");
pub(crate) const P256: &[u8] = key!("p256.public.pem");
pub(crate) const ED25519: &[u8] = key!("ed25519.public.pem");

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    aud: String,
    scope: String,
    email: String,
    roles: Vec<String>,
    exp: u64,
    iat: u64,
}

/// The same claims, shared by all requests with the token.
#[derive(Clone, Debug)]
pub(crate) struct Shared(#[expect(dead_code, reason = "only carried")] Arc<Claims>);

impl<'de> Deserialize<'de> for Shared {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Claims::deserialize(deserializer).map(|claims| Self(Arc::new(claims)))
    }
}

/// The token of a user.
pub(crate) fn token(algorithm: Algorithm, user: usize) -> String {
    let claims = Claims {
        iss: ISSUER.to_owned(),
        sub: format!("8f6c2a1e-5b7d-4c3f-9a21-{user:012}"),
        aud: AUDIENCE.to_owned(),
        scope: "openid profile email orders:read orders:write invoices:read".to_owned(),
        email: "ada.lovelace@example.com".to_owned(),
        roles: ["customer", "editor"].map(str::to_owned).to_vec(),
        exp: 4_102_444_800,
        iat: 1_763_700_000,
    };
    let mut header = Header::new(algorithm);
    header.kid = Some("Xy7Qz1kfT0mC2aB9nE5w".to_owned());
    encode(&header, &claims, &signing_key(algorithm)).expect("a token")
}

fn signing_key(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::HS256 => Ok(EncodingKey::from_secret(SECRET)),
        Algorithm::RS256 => EncodingKey::from_rsa_pem(key!("rsa.private.pem")),
        Algorithm::ES256 => EncodingKey::from_ec_pem(key!("p256.private.pem")),
        _ => EncodingKey::from_ed_pem(key!("ed25519.private.pem")),
    }
    .expect("a key")
}

pub(crate) fn verifying_key(algorithm: Algorithm) -> DecodingKey {
    match algorithm {
        Algorithm::HS256 => Ok(DecodingKey::from_secret(SECRET)),
        Algorithm::RS256 => DecodingKey::from_rsa_pem(RSA),
        Algorithm::ES256 => DecodingKey::from_ec_pem(P256),
        _ => DecodingKey::from_ed_pem(ED25519),
    }
    .expect("a key")
}
