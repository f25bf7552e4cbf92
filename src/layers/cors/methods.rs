//! The methods of a policy.

use std::error::Error;

use http::{HeaderValue, Method};

use super::{error, headers::joined};
use crate::wire::ConfigError;

/// Methods that scripts can't send (Fetch, "forbidden method").
const FORBIDDEN_METHODS: &[&str] = &["CONNECT", "TRACE", "TRACK"];

/// Methods whose lower case is always a mistake.
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
    /// Methods are case-sensitive (RFC 9110, section 9.1).
    pub(super) fn allow(&self, asked: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(list) => list
                .iter()
                .any(|one| one.as_str().as_bytes() == asked.as_bytes()),
        }
    }

    pub(super) fn value(&self) -> Option<HeaderValue> {
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(list) => joined(list.iter().map(Method::as_str)),
        }
    }
}

pub(super) fn parse<I>(methods: I) -> Result<Methods, ConfigError>
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
            return Err(error(format!(
                "scripts can't send `{method}`: leave it out"
            )));
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
        return Err(error("without a method no preflight passes: name one"));
    }
    Ok(Methods::Listed(list))
}
