//! Issues tokens, and says which ones count.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{EncodingKey, Header, crypto::aws_lc::DEFAULT_PROVIDER, encode};
use serde::{Deserialize, Serialize};
use wythe::{ConfigError, Jwt, Problem};

use super::cookie;
use crate::users::{Profile, UserId};

/// How long a token counts.
pub(crate) const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Who issues the tokens, and whom they are for: this API is both.
const ISSUER: &str = "example-api";

/// What a token says.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Claims {
    /// The user's id; a string, as RFC 7519 wants it.
    #[serde(with = "as_text")]
    pub(crate) sub: UserId,
    pub(crate) email: String,
    iss: String,
    aud: String,
    iat: u64,
    exp: u64,
}

/// The key that signs the tokens, and what is asked of a token that comes back.
///
/// A token counts until it expires: logging out takes the cookie back, and no copy of it. Only
/// `/api/protected` looks whether the account is still there.
#[derive(Clone)]
pub(crate) struct Tokens {
    key: Arc<EncodingKey>,
    jwt: Jwt<Claims>,
}

impl Tokens {
    pub(crate) fn new(secret: &[u8]) -> Result<Self, ConfigError> {
        let jwt = Jwt::hs256(secret)?
            .issuer(ISSUER)
            .audience(ISSUER)
            .cookie(cookie::NAME)?;
        // Whatever features the rest of the program turns on: with two providers to choose from,
        // `encode` panics. An error means that one was installed before, which is as good.
        let _ = DEFAULT_PROVIDER.install_default();
        let key = Arc::new(EncodingKey::from_secret(secret));
        Ok(Self { key, jwt })
    }

    /// The scheme for `with_auth`.
    pub(crate) fn jwt(&self) -> Jwt<Claims> {
        self.jwt.clone()
    }

    /// A token for this user.
    pub(crate) fn issue(&self, user: &Profile) -> Result<String, Problem> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_err(Problem::internal)?;
        let claims = Claims {
            sub: user.id,
            email: user.email.clone(),
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            iat: now.as_secs(),
            exp: (now + LIFETIME).as_secs(),
        };
        // HS256, unless the header says otherwise.
        encode(&Header::default(), &claims, &self.key).map_err(Problem::internal)
    }
}

/// Writes an id as a string.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::UserId;

    pub(super) fn serialize<S: Serializer>(id: &UserId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UserId, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
