//! A preflight: the question of a browser whether it may send a request, and the answer.

use std::error::Error;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

use super::{
    builder::CorsBuilder,
    policy::{Cors, error},
};
use crate::wire::{
    ConfigError,
    field::{is_token_byte, only_line},
};

const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// The fields of both answers, built once.
#[derive(Clone, Debug)]
pub(super) struct PreflightFields {
    allowed: HeaderMap,
    refused: HeaderMap,
}

impl PreflightFields {
    pub(super) fn new<T>(builder: &CorsBuilder<T>) -> Self {
        let vary = if builder.in_private_network {
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, \
             Access-Control-Request-Private-Network"
        } else {
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        };
        let mut refused = HeaderMap::new();
        refused.insert(header::VARY, HeaderValue::from_static(vary));

        let mut allowed = refused.clone();
        let credentials = builder.with_credentials.then_some(TRUE);
        let optional = [
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials),
            (
                header::ACCESS_CONTROL_ALLOW_METHODS,
                builder.methods.value(),
            ),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                builder.headers.value(),
            ),
            (header::ACCESS_CONTROL_MAX_AGE, builder.max_age.clone()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                allowed.insert(name, value);
            }
        }
        Self { allowed, refused }
    }
}

impl Cors {
    /// The answer; `origin` is the value of `Access-Control-Allow-Origin` if the origin is allowed.
    /// A refusal is an answer without the fields that allow anything.
    pub(super) fn answer(
        &self,
        origin: Option<HeaderValue>,
        request: &HeaderMap,
    ) -> Response<Bytes> {
        let policy = &*self.0;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let Some(origin) = origin.filter(|_| self.allows(request)) else {
            response.headers_mut().clone_from(&policy.preflight.refused);
            return response;
        };
        let headers = response.headers_mut();
        headers.clone_from(&policy.preflight.allowed);
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if matches!(policy.headers, Headers::Mirrored) {
            for line in request.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.append(header::ACCESS_CONTROL_ALLOW_HEADERS, line.clone());
            }
        }
        // Private Network Access, section 3.1.
        if policy.private_network && request.get(REQUEST_PRIVATE_NETWORK) == Some(&TRUE) {
            headers.insert(ALLOW_PRIVATE_NETWORK, TRUE);
        }
        response
    }

    /// Whether the policy allows the method and the headers that the preflight asks for.
    fn allows(&self, request: &HeaderMap) -> bool {
        let one_method = only_line(request, header::ACCESS_CONTROL_REQUEST_METHOD)
            .is_ok_and(|method| method.is_some_and(|method| self.0.methods.allow(method)));
        let names = request.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
        one_method && self.0.headers.allow(names.iter())
    }
}

/// Methods that scripts can't send (Fetch, "forbidden method").
const FORBIDDEN_METHODS: &[&str] = &["CONNECT", "TRACE", "TRACK"];

/// Methods that are always meant in upper case.
const COMMON_METHODS: &[&str] = &[
    "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY",
];

/// The methods that a preflight may ask for.
#[derive(Clone, Debug)]
pub(super) enum Methods {
    Any,
    Listed(Vec<Method>),
}

impl Default for Methods {
    fn default() -> Self {
        Self::Listed(vec![
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
    }
}

impl Methods {
    pub(super) fn parse<I>(methods: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: TryInto<Method, Error: Into<Box<dyn Error + Send + Sync>>>>,
    {
        let mut list = Vec::new();
        for method in methods {
            let method: Method = method
                .try_into()
                .map_err(|source| error("not a method").because(source))?;
            let upper = method.as_str().to_ascii_uppercase();
            if method.as_str() == "*" {
                return Err(error(
                    "`*` is not a method: `Cors::any()` has `any_method()`",
                ));
            }
            if FORBIDDEN_METHODS.contains(&upper.as_str()) {
                return Err(error(format!("scripts can't send `{method}`: remove it")));
            }
            if COMMON_METHODS.contains(&upper.as_str()) && method.as_str() != upper {
                return Err(error(format!(
                    "methods are case-sensitive: `{method}` is not `{upper}`"
                )));
            }
            if !list.contains(&method) {
                list.push(method);
            }
        }
        if list.is_empty() {
            return Err(error(
                "the list of methods is empty, so every preflight would fail: list a method",
            ));
        }
        Ok(Self::Listed(list))
    }

    /// Methods are case-sensitive (RFC 9110, section 9.1).
    fn allow(&self, method: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(list) => list
                .iter()
                .any(|one| one.as_str().as_bytes() == method.as_bytes()),
        }
    }

    fn value(&self) -> Option<HeaderValue> {
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(list) => joined(list.iter().map(Method::as_str)),
        }
    }
}

/// A longer list is rejected without being read. Browsers send each name once, so real lists are
/// short.
const MAX_REQUESTED_HEADERS: usize = 4096;

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
    /// Sorted, for binary search.
    Listed(Vec<HeaderName>),
}

impl Default for Headers {
    fn default() -> Self {
        Self::Listed(vec![header::AUTHORIZATION, header::CONTENT_TYPE])
    }
}

impl Headers {
    pub(super) fn parse<I>(names: I) -> Result<Self, ConfigError>
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
            return Err(error(format!("scripts can't set `{name}`: remove it")));
        }
        Ok(Self::Listed(list))
    }

    /// Whether each name in these lines is allowed.
    fn allow<'a>(&self, lines: impl Iterator<Item = &'a HeaderValue>) -> bool {
        let mut left = MAX_REQUESTED_HEADERS;
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

    fn allow_one(&self, name: &[u8]) -> bool {
        // A list may have empty members (RFC 9110, section 5.6.1.2).
        if name.is_empty() {
            return true;
        }
        match self {
            // `*` does not cover `Authorization` (Fetch, "CORS non-wildcard request-header name").
            Self::Any => is_token(name) && !name.eq_ignore_ascii_case(b"authorization"),
            // Mirrored, `*` would be a wildcard.
            Self::Mirrored => is_token(name) && name != b"*",
            Self::Listed(list) => list
                .binary_search_by(|one| {
                    let name = name.iter().map(u8::to_ascii_lowercase);
                    one.as_str().bytes().cmp(name)
                })
                .is_ok(),
        }
    }

    fn value(&self) -> Option<HeaderValue> {
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Mirrored => None,
            Self::Listed(list) => joined(list.iter().map(HeaderName::as_str)),
        }
    }
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
        return Err(error("scripts can't read `set-cookie`: remove it"));
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
            .map_err(|source| error("not a header name").because(source))?;
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

/// The value of a list field; `None` if the list is empty.
fn joined<'a>(names: impl Iterator<Item = &'a str>) -> Option<HeaderValue> {
    let names: Vec<&str> = names.collect();
    // Methods and header names are tokens, so the value is always valid.
    HeaderValue::from_str(&names.join(", "))
        .ok()
        .filter(|value| !value.is_empty())
}

/// A token (RFC 9110, section 5.6.2).
fn is_token(text: &[u8]) -> bool {
    text.iter().all(|byte| is_token_byte(*byte))
}
