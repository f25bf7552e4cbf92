//! Binds keys to the issuer that signs with them.

use std::borrow::Cow;

use serde::Deserialize;

use super::{key_source::KeySource, refusal::JwtRefusal, text::Text, token::Token};

/// Who signs tokens, and the keys that it signs with.
#[derive(Clone, Debug)]
pub(super) struct Issuer {
    /// What `iss` may be. With no name, `iss` is not looked at.
    pub(super) names: Vec<String>,
    pub(super) keys: KeySource,
}

impl Issuer {
    pub(super) fn is_named(&self, iss: Option<&str>) -> bool {
        self.names.is_empty() || iss.is_some_and(|iss| self.names.iter().any(|name| name == iss))
    }
}

/// The issuer whose keys the token must be signed with.
///
/// Of several, it is the one that the token names; whether the token says so with right is found
/// out with that issuer's keys alone.
pub(super) fn of<'a>(issuers: &'a [Issuer], token: &Token<'_>) -> Result<&'a Issuer, JwtRefusal> {
    if let [only] = issuers {
        return Ok(only);
    }
    let claimed: Claimed<'_> =
        serde_json::from_str(token.claims()?).map_err(|_where_it_broke| JwtRefusal::Malformed)?;
    let iss: Option<Cow<'_, str>> = claimed.iss.map(|Text(iss)| iss);
    let mut known = issuers.iter();
    known
        .find(|issuer| issuer.is_named(iss.as_deref()))
        .ok_or(JwtRefusal::Issuer)
}

/// What a token says of its issuer.
#[derive(Deserialize)]
struct Claimed<'a> {
    #[serde(borrow, default)]
    iss: Option<Text<'a>>,
}
