//! Issues access tokens, and defines which ones are valid.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{EncodingKey, Header, crypto::aws_lc::DEFAULT_PROVIDER, encode};
use serde::{Deserialize, Serialize};
use wythe::{ConfigError, HasScopes, Jwt};

use crate::{
    admin,
    clock::Clock,
    error::ServerError,
    users::{Profile, UserId},
};

/// How long a token is valid. It can't be revoked, so this is short.
pub(crate) const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The issuer and the audience of the tokens: this API is both.
const ISSUER: &str = "example-api";

/// The claims of a token.
#[derive(Clone, Deserialize, Serialize)]
pub struct Claims {
    /// The user's id; a string, as RFC 7519 requires.
    #[serde(with = "as_text")]
    pub(crate) sub: UserId,
    pub(crate) email: String,
    /// Additional permissions of the user, separated by spaces.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    scope: String,
    iss: String,
    aud: String,
    iat: u64,
    exp: u64,
}

impl HasScopes for Claims {
    fn has_scope(&self, scope: &str) -> bool {
        self.scope.has_scope(scope)
    }
}

/// The key that signs the tokens, and the policy for tokens in requests.
///
/// A token is valid until it expires: nothing checks whether its login has ended since, and only
/// `/api/protected` checks whether the account still exists.
#[derive(Clone)]
pub(crate) struct Tokens {
    key: Arc<EncodingKey>,
    jwt: Jwt<Claims>,
    clock: Clock,
}

impl Tokens {
    /// The token is sent as `Authorization: Bearer`, or in the cookie with this name.
    pub(crate) fn new(secret: &[u8], cookie: &str, clock: Clock) -> Result<Self, ConfigError> {
        let now = clock.clone();
        let jwt = Jwt::hs256(secret)?
            .issuer(ISSUER)
            .audience(ISSUER)
            .cookie(cookie)?
            .clock(move || now.now());
        // Whatever features the rest of the program enables: with two providers to choose from,
        // `encode` panics. An error means that one was installed earlier, which is fine.
        let _ = DEFAULT_PROVIDER.install_default();
        let key = Arc::new(EncodingKey::from_secret(secret));
        Ok(Self { key, jwt, clock })
    }

    /// The scheme for `with_auth`.
    pub(crate) fn jwt(&self) -> Jwt<Claims> {
        self.jwt.clone()
    }

    /// A token for this user.
    pub(crate) fn issue(&self, user: &Profile) -> Result<String, ServerError> {
        let now = self.clock.seconds().unsigned_abs();
        let claims = Claims {
            sub: user.id,
            email: user.email.clone(),
            scope: admin::scope(user.id).to_owned(),
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            iat: now,
            exp: now.saturating_add(LIFETIME.as_secs()),
        };
        // HS256 is the default of the header.
        encode(&Header::default(), &claims, &self.key).map_err(ServerError::internal)
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
