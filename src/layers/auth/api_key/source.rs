//! Finds the key in a request: a field of its own, or `Authorization: Bearer`.

use http::{HeaderMap, HeaderName};

use super::refusal::ApiKeyRefusal;
use crate::wire::field::{
    authorization::{Credentials, all_credentials, credentials},
    only_line,
};

/// Where in a request a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Field,
    Bearer,
}

/// Where keys may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Places {
    Field,
    Bearer,
    Either,
}

/// The one key of a request, if it has any, and where. Bearer tokens for which `is_ours` says no
/// are another scheme's.
///
/// A request with two is refused, even if they are the same: which one another server on the way
/// looked at can't be known here.
pub(super) fn key<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    places: Places,
    is_ours: impl Fn(&[u8]) -> bool,
) -> Result<Option<(Place, &'a [u8])>, (Place, ApiKeyRefusal)> {
    let field = match places {
        Places::Bearer => None,
        Places::Field | Places::Either => field(headers, name)?,
    };
    let bearer = match places {
        Places::Field => None,
        Places::Bearer | Places::Either => bearer(headers, is_ours)?,
    };
    match (field, bearer) {
        (Some(_), Some(_)) => Err((Place::Field, ApiKeyRefusal::SeveralKeys)),
        (Some(key), None) => Ok(Some((Place::Field, key))),
        (None, key) => Ok(key.map(|key| (Place::Bearer, key))),
    }
}

fn field<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a [u8]>, (Place, ApiKeyRefusal)> {
    let line = only_line(headers, name).or(Err((Place::Field, ApiKeyRefusal::SeveralKeys)))?;
    Ok(line.map(|line| line.as_bytes()))
}

fn bearer(
    headers: &HeaderMap,
    is_ours: impl Fn(&[u8]) -> bool,
) -> Result<Option<&[u8]>, (Place, ApiKeyRefusal)> {
    match credentials(headers, "Bearer") {
        Credentials::Token(key) if is_ours(key) => Ok(Some(key)),
        Credentials::Repeated if all_credentials(headers, "Bearer").any(is_ours) => {
            Err((Place::Bearer, ApiKeyRefusal::SeveralKeys))
        }
        _ => Ok(None),
    }
}
