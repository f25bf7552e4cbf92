//! The origins that a policy allows: exact ones, patterns and closures.

use std::{borrow::Cow, fmt, sync::Arc};

use http::HeaderValue;

use crate::{
    request::RequestHead,
    wire::{
        ConfigError,
        field::{Origin, origin_list::OriginList, origin_pattern::OriginPattern},
    },
};

type Predicate = Arc<dyn Fn(&Origin<'_>, &RequestHead<'_>) -> bool + Send + Sync>;

/// Exact origins, patterns and closures: an origin is allowed if one of them allows it.
#[derive(Clone, Default)]
pub(super) struct Origins {
    exact: OriginList,
    patterns: Vec<OriginPattern>,
    predicates: Vec<Predicate>,
    /// Whether plain `http` origins may be allowed: by patterns and closures too.
    insecure: bool,
}

impl Origins {
    /// A set of these origins and patterns, at least one.
    pub(super) fn from_list<I>(origins: I, insecure: bool) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut set = Self {
            insecure,
            ..Self::default()
        };
        for origin in origins {
            set.add(origin.as_ref())?;
        }
        if set.exact.as_slice().is_empty() && set.patterns.is_empty() {
            return Err(error("the list of origins is empty: list an origin"));
        }
        Ok(set)
    }

    /// Adds an origin or a pattern.
    pub(super) fn add(&mut self, text: &str) -> Result<(), ConfigError> {
        if text.contains('*') {
            let pattern = OriginPattern::parse(text).map_err(|fault| reject(text, fault))?;
            if pattern.is_insecure() && !self.insecure {
                return Err(reject(text, INSECURE));
            }
            if !self.patterns.contains(&pattern) {
                self.patterns.push(pattern);
            }
            return Ok(());
        }
        let origin = Origin::parse_exact(text).map_err(|fault| reject(text, &fault))?;
        if origin.is_insecure() && !self.insecure {
            return Err(reject(text, INSECURE));
        }
        self.add_exact(text)
    }

    /// Adds an exact origin, plain `http` or not.
    pub(super) fn add_insecure(&mut self, text: &str) -> Result<(), ConfigError> {
        if text.contains('*') && text != "*" {
            return Err(reject(
                text,
                "list each plain `http` origin: a pattern would allow more origins than you may \
                 need",
            ));
        }
        Origin::parse_exact(text).map_err(|fault| reject(text, &fault))?;
        self.add_exact(text)
    }

    /// Adds a value that is compared literally.
    pub(super) fn add_exact(&mut self, text: &str) -> Result<(), ConfigError> {
        self.exact
            .add(text)
            .map_err(|source| reject(text, "not a valid header value").because(source))
    }

    /// The exact origins, without `null`.
    pub(super) fn named(&self) -> impl Iterator<Item = &str> {
        self.exact.iter().filter(|origin| *origin != "null")
    }

    pub(super) fn add_predicate<F>(&mut self, predicate: F)
    where
        F: Fn(&Origin<'_>, &RequestHead<'_>) -> bool + Send + Sync + 'static,
    {
        self.predicates.push(Arc::new(predicate));
    }

    /// The only allowed origin, if there is exactly one and the answer does not depend on the request.
    pub(super) fn only(&self) -> Option<HeaderValue> {
        match self.exact.as_slice() {
            [only] if self.patterns.is_empty() && self.predicates.is_empty() => Some(only.clone()),
            _ => None,
        }
    }

    /// The value of `Access-Control-Allow-Origin`, if the list or a pattern allows the origin.
    pub(super) fn find(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        if let Some(exact) = self.exact.find(origin.as_bytes()) {
            return Some(exact.clone());
        }
        if self.patterns.is_empty() {
            return None;
        }
        let parsed = Origin::parse(origin.to_str().ok()?).ok()?;
        let mut patterns = self.patterns.iter();
        patterns
            .any(|pattern| pattern.matches(&parsed))
            .then(|| origin.clone())
    }

    /// The same, if a closure allows the origin.
    pub(super) fn find_by_closure(
        &self,
        origin: &HeaderValue,
        head: &RequestHead<'_>,
    ) -> Option<HeaderValue> {
        if self.predicates.is_empty() {
            return None;
        }
        let parsed = Origin::parse(origin.to_str().ok()?).ok()?;
        if parsed.is_insecure() && !self.insecure {
            return None;
        }
        let mut predicates = self.predicates.iter();
        predicates
            .any(|allows| allows(&parsed, head) & !head.take_route_missed())
            .then(|| origin.clone())
    }
}

const INSECURE: &str = "anyone on the network can impersonate a plain `http` origin, so it must not get \
                        credentials: use `https`, a policy without credentials (`Cors::anonymous`), or \
                        `.dangerously_allow_http_origins([..])`";

fn reject(text: &str, fault: &str) -> ConfigError {
    let message = match text {
        "*" => "`*` is not an origin: write `Cors::any()`".to_owned(),
        "null" => "`null` is the origin of every sandboxed frame, on any site: \
                   `Cors::anonymous` has `dangerously_allow_null_origin()`"
            .to_owned(),
        _ => format!("`{text}`: {fault}"),
    };
    error(message)
}

/// The exact origins, the patterns, and how many closures there are.
impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = self.exact.as_slice().iter();
        let exact = exact.map(|origin| String::from_utf8_lossy(origin.as_bytes()).into_owned());
        let patterns = self.patterns.iter().map(ToString::to_string);
        let mut all: Vec<_> = exact.chain(patterns).collect();
        if !self.predicates.is_empty() {
            all.push("origins that a function allows".to_owned());
        }
        f.write_str(&all.join(", "))
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origins")
            .field("exact", &self.exact)
            .field("patterns", &self.patterns)
            .field("closures", &self.predicates.len())
            .finish_non_exhaustive()
    }
}

pub(super) fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Cors", message)
}
