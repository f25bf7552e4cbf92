//! The request headers and the exposed headers of a policy.

use std::error::Error;

use http::{HeaderName, HeaderValue, header};

use super::error;
use crate::wire::ConfigError;

/// A longer list is refused unread. Browsers send each name once, so what is real is short.
const MAX_ASKED_HEADERS: usize = 4096;

/// Headers that scripts can't set (Fetch, "forbidden request-header"); prefixes end in `-`.
const FORBIDDEN_HEADERS: &[&str] = &[
    "accept-charset",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "expect",
    "host",
    "keep-alive",
    "origin",
    "proxy-",
    "referer",
    "sec-",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// The request headers that a preflight may ask for.
#[derive(Clone, Debug)]
pub(super) enum Headers {
    Any,
    Mirrored,
    /// Sorted, so that a list that was asked for is checked name by name in one walk.
    Listed(Vec<HeaderName>),
}

impl Default for Headers {
    fn default() -> Self {
        Self::Listed(vec![header::AUTHORIZATION, header::CONTENT_TYPE])
    }
}

impl Headers {
    /// Whether each name in these lines is allowed.
    pub(super) fn allow<'a>(&self, lines: impl Iterator<Item = &'a HeaderValue>) -> bool {
        let mut left = MAX_ASKED_HEADERS;
        for line in lines {
            let Some(rest) = left.checked_sub(line.len()) else {
                return false;
            };
            left = rest;
            let mut names = line.as_bytes().split(|byte| *byte == b',');
            if !names.all(|name| self.allow_one(name.trim_ascii())) {
                return false;
            }
        }
        true
    }

    pub(super) const fn are_mirrored(&self) -> bool {
        matches!(self, Self::Mirrored)
    }

    fn allow_one(&self, asked: &[u8]) -> bool {
        // A list may have empty members (RFC 9110, section 5.6.1.2).
        if asked.is_empty() {
            return true;
        }
        match self {
            // `*` does not cover it (Fetch, "CORS non-wildcard request-header name").
            Self::Any => is_name(asked) && !asked.eq_ignore_ascii_case(b"authorization"),
            // Repeated, it would be a wildcard.
            Self::Mirrored => is_name(asked) && asked != b"*",
            Self::Listed(list) => list
                .binary_search_by(|one| {
                    let asked = asked.iter().map(u8::to_ascii_lowercase);
                    one.as_str().bytes().cmp(asked)
                })
                .is_ok(),
        }
    }

    pub(super) fn value(&self) -> Option<HeaderValue> {
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Mirrored => None,
            Self::Listed(list) => joined(list.iter().map(HeaderName::as_str)),
        }
    }
}

/// A token (RFC 9110, section 5.6.2).
fn is_name(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

pub(super) fn parse<I>(names: I) -> Result<Headers, ConfigError>
where
    I: IntoIterator<Item: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>>,
{
    let list = parse_names(names)?;
    let forbidden = |name: &&HeaderName| {
        FORBIDDEN_HEADERS.iter().any(|one| {
            name.as_str() == *one || (one.ends_with('-') && name.as_str().starts_with(one))
        })
    };
    if let Some(name) = list.iter().find(forbidden) {
        return Err(error(format!("scripts can't set `{name}`: leave it out")));
    }
    Ok(Headers::Listed(list))
}

pub(super) fn parse_exposed<I>(names: I) -> Result<Option<HeaderValue>, ConfigError>
where
    I: IntoIterator<Item: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>>,
{
    let list = parse_names(names)?;
    // Fetch, "forbidden response-header name".
    if list
        .iter()
        .any(|name| *name == header::SET_COOKIE || name.as_str() == "set-cookie2")
    {
        return Err(error("scripts can't read `set-cookie`: leave it out"));
    }
    Ok(joined(list.iter().map(HeaderName::as_str)))
}

fn parse_names<I>(names: I) -> Result<Vec<HeaderName>, ConfigError>
where
    I: IntoIterator<Item: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>>,
{
    let mut list = Vec::new();
    for name in names {
        let name: HeaderName = name
            .try_into()
            .map_err(|source| error("not the name of a header").because(source))?;
        if name.as_str() == "*" {
            return Err(error(
                "`*` is not a header: `mirrored_headers()` allows all, and `Cors::any()` has \
                 `any_header()` and `any_exposed_header()`",
            ));
        }
        list.push(name);
    }
    list.sort_by(|a: &HeaderName, b| a.as_str().cmp(b.as_str()));
    list.dedup();
    Ok(list)
}

/// A list as a field has it; `None` if it is empty.
pub(super) fn joined<'a>(names: impl Iterator<Item = &'a str>) -> Option<HeaderValue> {
    let names: Vec<&str> = names.collect();
    // Methods and header names are tokens, so the value is always a valid one.
    HeaderValue::from_str(&names.join(", "))
        .ok()
        .filter(|value| !value.is_empty())
}
