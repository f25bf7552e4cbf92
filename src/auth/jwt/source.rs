//! Finds the token in a request: `Authorization: Bearer`, or a cookie.

use http::HeaderMap;

use super::refusal::JwtRefusal;
use crate::field::{
    authorization::{Credentials, credentials},
    cookie::{self, Cookie},
};

/// The one token of a request, if it has any.
///
/// A request with two is refused (RFC 6750, section 2), even if they are the same: which one
/// another server on the way looked at can't be known here.
pub(super) fn token<'a>(
    headers: &'a HeaderMap,
    cookie: Option<&str>,
) -> Result<Option<&'a [u8]>, JwtRefusal> {
    let bearer = match credentials(headers, "Bearer") {
        Credentials::Absent => None,
        Credentials::Token(token) => Some(token),
        Credentials::Malformed => return Err(JwtRefusal::Header),
        Credentials::Repeated => return Err(JwtRefusal::SeveralTokens),
    };
    let Some(name) = cookie else {
        return Ok(bearer);
    };
    let cookie = match cookie::find(headers, name) {
        // Emptied is as good as cleared: many a logout does it so.
        Cookie::Absent | Cookie::Value(b"") => None,
        Cookie::Value(token) => Some(token),
        Cookie::Repeated => return Err(JwtRefusal::SeveralTokens),
    };
    match (bearer, cookie) {
        (Some(_), Some(_)) => Err(JwtRefusal::SeveralTokens),
        (token, None) | (None, token) => Ok(token),
    }
}
