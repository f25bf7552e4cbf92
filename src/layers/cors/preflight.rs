//! A preflight: a browser's question whether it may send a request, and the answer.

use std::{error::Error, fmt};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

use super::origins::error;
use crate::{
    contract::description::Answer,
    wire::{
        ConfigError,
        field::{Excerpt, is_token_byte, only_line, vary},
    },
};

const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");
const TRUE: HeaderValue = HeaderValue::from_static("true");

pub(super) const NAME: &str = "with_cors";

/// What a preflight may ask for, and what it is told.
#[derive(Clone, Debug, Default)]
pub(super) struct PreflightRules {
    pub(super) methods: Methods,
    pub(super) headers: Headers,
    pub(super) max_age: Option<HeaderValue>,
    pub(super) private_network: bool,
}

/// The rules, with the fields of both answers, built once.
pub(super) struct Preflight {
    pub(super) rules: PreflightRules,
    allowed: HeaderMap,
    refused: HeaderMap,
}

impl Preflight {
    /// `names` are those of the fields that closures read.
    pub(super) fn new(rules: PreflightRules, credentials: bool, names: &[HeaderName]) -> Self {
        let vary = if rules.private_network {
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, \
             Access-Control-Request-Private-Network"
        } else {
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        };
        let mut refused = HeaderMap::new();
        refused.insert(header::VARY, HeaderValue::from_static(vary));
        for name in names {
            vary::add_name(&mut refused, name);
        }

        let mut allowed = refused.clone();
        let credentials = credentials.then_some(TRUE);
        let optional = [
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials),
            (header::ACCESS_CONTROL_ALLOW_METHODS, rules.methods.value()),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, rules.headers.value()),
            (header::ACCESS_CONTROL_MAX_AGE, rules.max_age.clone()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                allowed.insert(name, value);
            }
        }
        Self {
            rules,
            allowed,
            refused,
        }
    }

    /// The answer, as data.
    pub(super) fn describe(&self) -> Answer {
        let answer = Answer::new(StatusCode::NO_CONTENT)
            .when("to a preflight")
            .field(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        let allowed = self.allowed.keys().cloned();
        let mut answer = allowed.fold(answer, Answer::field);
        if matches!(self.rules.headers, Headers::Mirrored) {
            answer = answer.field(header::ACCESS_CONTROL_ALLOW_HEADERS);
        }
        if self.rules.private_network {
            answer = answer.field(ALLOW_PRIVATE_NETWORK);
        }
        answer
    }

    /// The answer; `origin` is the value of `Access-Control-Allow-Origin` if the origin is allowed.
    /// A refusal is an answer without the fields that allow anything, and the reason is logged.
    pub(super) fn answer(
        &self,
        origin: Option<HeaderValue>,
        request: &HeaderMap,
    ) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let checked = origin.ok_or_else(|| NotAllowed::origin(request));
        let checked = checked.and_then(|origin| self.check(request).map(|()| origin));
        let origin = match checked {
            Ok(origin) => origin,
            Err(not_allowed) => {
                not_allowed.log();
                response.headers_mut().clone_from(&self.refused);
                return response;
            }
        };
        let headers = response.headers_mut();
        headers.clone_from(&self.allowed);
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if matches!(self.rules.headers, Headers::Mirrored) {
            for line in request.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.append(header::ACCESS_CONTROL_ALLOW_HEADERS, line.clone());
            }
        }
        // Private Network Access, section 3.1.
        if self.rules.private_network && request.get(REQUEST_PRIVATE_NETWORK) == Some(&TRUE) {
            headers.insert(ALLOW_PRIVATE_NETWORK, TRUE);
        }
        response
    }

    /// Checks the method and the headers that the preflight asks for.
    fn check<'a>(&self, request: &'a HeaderMap) -> Result<(), NotAllowed<'a>> {
        let method = only_line(request, header::ACCESS_CONTROL_REQUEST_METHOD);
        let Ok(Some(method)) = method else {
            return Err(NotAllowed::SeveralMethods);
        };
        if !self.rules.methods.allow(method) {
            return Err(NotAllowed::Method(method));
        }
        let lines = request.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
        self.rules.headers.check(lines.iter())
    }
}

/// The part of a preflight that the policy does not allow.
enum NotAllowed<'a> {
    Origin(&'a HeaderValue),
    SeveralOrigins,
    Method(&'a HeaderValue),
    SeveralMethods,
    Header(&'a [u8]),
    TooManyHeaders,
}

impl<'a> NotAllowed<'a> {
    fn origin(request: &'a HeaderMap) -> Self {
        match only_line(request, header::ORIGIN) {
            Ok(Some(origin)) => Self::Origin(origin),
            _ => Self::SeveralOrigins,
        }
    }

    #[cfg(feature = "tracing")]
    fn log(&self) {
        let reason = match self {
            Self::Origin(_) | Self::SeveralOrigins => "origin",
            Self::Method(_) | Self::SeveralMethods => "method",
            Self::Header(_) | Self::TooManyHeaders => "header",
        };
        tracing::debug!(target: "wythe", layer = NAME, status = 204, reason, cause = %self, "refused");
    }

    #[cfg(not(feature = "tracing"))]
    #[expect(clippy::unused_self, reason = "there is no log")]
    const fn log(&self) {}
}

/// For the log: the values come from the client.
impl fmt::Display for NotAllowed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, value) = match self {
            Self::Origin(origin) => ("origin", origin.as_bytes()),
            Self::Method(method) => ("method", method.as_bytes()),
            Self::Header(name) => ("header", *name),
            Self::SeveralOrigins => return f.write_str("`Origin` is repeated"),
            Self::SeveralMethods => {
                return f.write_str("`Access-Control-Request-Method` is repeated");
            }
            Self::TooManyHeaders => {
                return write!(
                    f,
                    "`Access-Control-Request-Headers` has more than {MAX_REQUESTED_HEADERS} bytes"
                );
            }
        };
        write!(f, "the {part} `{}` is not allowed", Excerpt(value))
    }
}

/// Methods that scripts can't send (Fetch, "forbidden method").
const FORBIDDEN_METHODS: &[&str] = &["CONNECT", "TRACE", "TRACK"];

/// Methods that are always meant in upper case.
const COMMON_METHODS: &[&str] = &[
    "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY",
];

/// The methods that need no listing (Fetch, "CORS-safelisted method").
const SAFELISTED_METHODS: [&[u8]; 3] = [b"GET", b"HEAD", b"POST"];

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
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut list = Vec::new();
        for method in methods {
            let text = method.as_ref();
            let method: Method = text.parse().map_err(|source| {
                error(format!("`{}` is not a method", text.escape_debug())).because(source)
            })?;
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
                "the list of methods is empty: list a method, or leave `.methods(..)` out",
            ));
        }
        Ok(Self::Listed(list))
    }

    /// The list, if not every method is allowed.
    pub(super) fn listed(&self) -> Option<&[Method]> {
        match self {
            Self::Any => None,
            Self::Listed(methods) => Some(methods),
        }
    }

    /// Methods are case-sensitive (RFC 9110, section 9.1).
    fn allow(&self, method: &HeaderValue) -> bool {
        let method = method.as_bytes();
        match self {
            Self::Any => true,
            Self::Listed(list) => {
                SAFELISTED_METHODS.contains(&method)
                    || list
                        .iter()
                        .any(|allowed| allowed.as_str().as_bytes() == method)
            }
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
        let list = parse_names(names, STAR_HEADER)?;
        let forbidden = |name: &&HeaderName| {
            FORBIDDEN_HEADERS.iter().any(|forbidden| {
                name.as_str() == *forbidden
                    || (forbidden.ends_with('-') && name.as_str().starts_with(forbidden))
            })
        };
        if let Some(name) = list.iter().find(forbidden) {
            return Err(error(format!("scripts can't set `{name}`: remove it")));
        }
        Ok(Self::Listed(list))
    }

    /// Checks each name in these lines.
    fn check<'a>(
        &self,
        lines: impl Iterator<Item = &'a HeaderValue>,
    ) -> Result<(), NotAllowed<'a>> {
        let mut left = MAX_REQUESTED_HEADERS;
        for line in lines {
            let rest = left.checked_sub(line.len());
            left = rest.ok_or(NotAllowed::TooManyHeaders)?;
            let names = line.as_bytes().split(|byte| *byte == b',');
            let mut names = names.map(<[u8]>::trim_ascii);
            if let Some(name) = names.find(|name| !self.allow_one(name)) {
                return Err(NotAllowed::Header(name));
            }
        }
        Ok(())
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
                .binary_search_by(|allowed| {
                    let name = name.iter().map(u8::to_ascii_lowercase);
                    allowed.as_str().bytes().cmp(name)
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
    let list = parse_names(names, STAR_HEADER)?;
    // Fetch, "forbidden response-header name".
    if list
        .iter()
        .any(|name| *name == header::SET_COOKIE || name.as_str() == "set-cookie2")
    {
        return Err(error("scripts can't read `set-cookie`: remove it"));
    }
    Ok(joined(list.iter().map(HeaderName::as_str)))
}

/// The names of fields that closures read.
pub(super) fn parse_vary<I>(names: I) -> Result<Vec<HeaderName>, ConfigError>
where
    I: IntoIterator<Item: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>>,
{
    parse_names(
        names,
        "with `Vary: *` nothing could be cached: name the fields that the closure reads",
    )
}

const STAR_HEADER: &str = "`*` is not a header: `mirrored_headers()` allows all, and `Cors::any()` has \
                           `any_header()` and `any_exposed_header()`";

/// `star` says what to do instead of `*`.
fn parse_names<I>(names: I, star: &'static str) -> Result<Vec<HeaderName>, ConfigError>
where
    I: IntoIterator<Item: TryInto<HeaderName, Error: Into<Box<dyn Error + Send + Sync>>>>,
{
    let mut list = Vec::new();
    for name in names {
        let name: HeaderName = name
            .try_into()
            .map_err(|source| error("one of the names is not a header name").because(source))?;
        if name.as_str() == "*" {
            return Err(error(star));
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
