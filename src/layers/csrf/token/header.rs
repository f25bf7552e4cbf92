//! The field that brings a token.

use std::error::Error;

use http::HeaderName;

use super::tokens::error;
use crate::wire::ConfigError;

/// Fields that a page can set in a request to another site without asking, and those that a
/// browser sets.
const SENT_BY_ANYONE: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "connection",
    "content-language",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "origin",
    "range",
    "referer",
    "user-agent",
];

/// A name that only a script can set, and across sites only one that CORS lets.
pub(super) fn parse<N>(name: N) -> Result<HeaderName, ConfigError>
where
    N: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let name: HeaderName = name
        .try_into()
        .map_err(|source| error("not the name of a header").because(source))?;
    if SENT_BY_ANYONE.contains(&name.as_str()) || name.as_str().starts_with("sec-") {
        return Err(error(
            "any page can make a browser send this field: choose a name of your own, \
             `x-csrf-token` for example",
        ));
    }
    Ok(name)
}
