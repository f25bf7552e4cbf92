//! Finds the token in a request: `Authorization: Bearer`, a field of its own, or a cookie.

use http::{HeaderMap, HeaderName};

use super::refusal::JwtRefusal;
use crate::{
    layers::auth::own_field::own_field,
    wire::{
        ConfigError,
        field::{
            authorization::{Credentials, credentials, is_token68},
            cookie::{self, Cookie},
            only_line,
        },
    },
};

/// Where in a request a token may stand. Query and body are none of the places: a query lands in
/// logs, in the history and in `Referer` (RFC 6750, section 5.3).
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) authorization: bool,
    pub(super) header: Option<HeaderName>,
    pub(super) cookie: Option<String>,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            authorization: true,
            ..Self::nowhere()
        }
    }
}

impl Source {
    /// No place yet.
    pub(super) const fn nowhere() -> Self {
        Self {
            authorization: false,
            header: None,
            cookie: None,
        }
    }

    /// The one token of a request, if it has any.
    ///
    /// A request with two is refused (RFC 6750, section 2), even if they are the same: which one
    /// another server on the way looked at can't be known here.
    pub(super) fn token<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a [u8]>, JwtRefusal> {
        let mut found = None;
        if self.authorization {
            found = bearer(headers)?;
        }
        if let Some(name) = &self.header {
            found = only(found, field(headers, name)?)?;
        }
        if let Some(name) = &self.cookie {
            found = only(found, cookie(headers, name)?)?;
        }
        Ok(found)
    }

    /// Why a request whose token is refused for this reason is refused: what follows `Bearer` may
    /// not be a token at all. A token that passes is one, so only the others are looked at.
    pub(super) fn refusal(&self, headers: &HeaderMap, reason: JwtRefusal) -> JwtRefusal {
        if !self.authorization {
            return reason;
        }
        match credentials(headers, "Bearer") {
            Credentials::Token(token) if !is_token68(token) => JwtRefusal::Header,
            _ => reason,
        }
    }
}

const fn only<'a>(
    one: Option<&'a [u8]>,
    other: Option<&'a [u8]>,
) -> Result<Option<&'a [u8]>, JwtRefusal> {
    match (one, other) {
        (Some(_), Some(_)) => Err(JwtRefusal::SeveralTokens),
        (token, None) | (None, token) => Ok(token),
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&[u8]>, JwtRefusal> {
    match credentials(headers, "Bearer") {
        Credentials::Absent => Ok(None),
        Credentials::Token(token) => Ok(Some(token)),
        Credentials::Repeated => Err(JwtRefusal::SeveralTokens),
    }
}

/// A field that holds the token and nothing else.
fn field<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, JwtRefusal> {
    let line = only_line(headers, name).or(Err(JwtRefusal::SeveralTokens))?;
    Ok(line.map(|line| line.as_bytes()))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, JwtRefusal> {
    match cookie::find(headers, name) {
        // Emptied is as good as cleared: many a logout does it so.
        Cookie::Absent | Cookie::Value(b"") => Ok(None),
        Cookie::Value(token) => Ok(Some(token)),
        Cookie::Repeated => Err(JwtRefusal::SeveralTokens),
    }
}

/// The name of a field that can hold a token and nothing else.
pub(super) fn header_name(name: &str) -> Result<HeaderName, ConfigError> {
    let instead = "`Authorization` and `Cookie` hold more than a token: the first is read anyway, for \
                   the second see `cookie`";
    own_field("Jwt", name, instead)
}

pub(super) fn cookie_name(name: String) -> Result<String, ConfigError> {
    if !cookie::is_name(&name) {
        let message = format!("`{}` can't be a cookie's name", name.escape_debug());
        return Err(ConfigError::new("Jwt", message));
    }
    Ok(name)
}
