//! Signs tokens, as an identity provider does.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use wythe::auth::JwtAlgorithm;

use super::good;

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/vectors/jwt/",
            $name
        ))
    };
}

/// A key, and what its tokens say of it.
pub(crate) struct Signer {
    pub(crate) id: Option<&'static str>,
    pub(crate) algorithm: Algorithm,
    pub(crate) key: EncodingKey,
}

impl Signer {
    pub(crate) fn p256(id: &'static str) -> Self {
        let key = EncodingKey::from_ec_pem(vector!("p256.private.pem")).unwrap();
        Self::new(id, Algorithm::ES256, key)
    }

    pub(crate) fn other_p256(id: &'static str) -> Self {
        let key = EncodingKey::from_ec_pem(vector!("p256.other.private.pem")).unwrap();
        Self::new(id, Algorithm::ES256, key)
    }

    pub(crate) fn p384(id: &'static str) -> Self {
        let key = EncodingKey::from_ec_pem(vector!("p384.private.pem")).unwrap();
        Self::new(id, Algorithm::ES384, key)
    }

    pub(crate) fn rsa(id: &'static str, algorithm: JwtAlgorithm) -> Self {
        let algorithm = algorithm.to_string().parse().unwrap();
        let key = EncodingKey::from_rsa_pem(vector!("rsa.private.pem")).unwrap();
        Self::new(id, algorithm, key)
    }

    pub(crate) fn ed25519(id: &'static str) -> Self {
        let key = EncodingKey::from_ed_pem(vector!("ed25519.private.pem")).unwrap();
        Self::new(id, Algorithm::EdDSA, key)
    }

    const fn new(id: &'static str, algorithm: Algorithm, key: EncodingKey) -> Self {
        Self {
            id: Some(id),
            algorithm,
            key,
        }
    }

    pub(crate) const fn without_id(mut self) -> Self {
        self.id = None;
        self
    }

    /// The public key, without `alg` and `use`.
    pub(crate) fn bare(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_algorithm = None;
        jwk.common.key_id = self.id.map(str::to_owned);
        serde_json::to_value(jwk).unwrap()
    }

    /// The public key as most providers show it.
    pub(crate) fn jwk(&self) -> Value {
        self.with(json!({ "use": "sig", "alg": self.algorithm }))
    }

    /// The public key with some members besides.
    pub(crate) fn with(&self, members: Value) -> Value {
        let (mut jwk, Value::Object(members)) = (self.bare(), members) else {
            panic!("members are an object");
        };
        jwk.as_object_mut().unwrap().extend(members);
        jwk
    }

    pub(crate) fn token(&self) -> String {
        self.signs(&good())
    }

    pub(crate) fn signs(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = self.id.map(str::to_owned);
        encode(&header, claims, &self.key).unwrap()
    }
}
