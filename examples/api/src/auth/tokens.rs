//! Issues access tokens, and says which ones count.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{EncodingKey, Header, crypto::aws_lc::DEFAULT_PROVIDER, encode};
use serde::{Deserialize, Serialize};
use wythe::{ConfigError, HasScopes, Jwt, Problem};

use crate::{
    admin,
    clock::Clock,
    users::{Profile, UserId},
};

/// How long a token counts. It can't be taken back, so that is not long.
pub(crate) const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Who issues the tokens, and whom they are for: this API is both.
const ISSUER: &str = "example-api";

/// What a token says.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Claims {
    /// The user's id; a string, as RFC 7519 wants it.
    #[serde(with = "as_text")]
    pub(crate) sub: UserId,
    pub(crate) email: String,
    /// What the user may do beside what everybody may, with spaces between.
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

/// The key that signs the tokens, and what is asked of a token that comes back.
///
/// A token counts until it expires: nobody looks up whether its login has ended since, and only
/// `/api/protected` looks whether the account is still there.
#[derive(Clone)]
pub(crate) struct Tokens {
    key: Arc<EncodingKey>,
    jwt: Jwt<Claims>,
    clock: Clock,
}

impl Tokens {
    /// The token comes as `Authorization: Bearer`, or in the cookie of this name.
    pub(crate) fn new(secret: &[u8], cookie: &str, clock: Clock) -> Result<Self, ConfigError> {
        let now = clock.clone();
        let jwt = Jwt::hs256(secret)?
            .issuer(ISSUER)
            .audience(ISSUER)
            .cookie(cookie)?
            .clock(move || now.now());
        // Whatever features the rest of the program turns on: with two providers to choose from,
        // `encode` panics. An error means that one was installed before, which is as good.
        let _ = DEFAULT_PROVIDER.install_default();
        let key = Arc::new(EncodingKey::from_secret(secret));
        Ok(Self { key, jwt, clock })
    }

    /// The scheme for `with_auth`.
    pub(crate) fn jwt(&self) -> Jwt<Claims> {
        self.jwt.clone()
    }

    /// A token for this user.
    pub(crate) fn issue(&self, user: &Profile) -> Result<String, Problem> {
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
