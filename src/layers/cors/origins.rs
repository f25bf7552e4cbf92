//! The origins that a policy allows.

use std::{fmt, sync::Arc};

use http::{HeaderValue, request::Parts};

use super::pattern::Pattern;
use crate::wire::{
    ConfigError,
    field::{Origin, origin_list::OriginList},
};

type Predicate = Arc<dyn Fn(&Origin<'_>, &Parts) -> bool + Send + Sync>;

/// Exact origins, patterns and closures: an origin is allowed if one of them says so.
#[derive(Clone, Default)]
pub(super) struct Origins {
    exact: OriginList,
    patterns: Vec<Pattern>,
    predicates: Vec<Predicate>,
    /// Whether closures are asked about plain `http` origins too.
    pub(super) insecure: bool,
}

impl Origins {
    /// A set of these origins and patterns, one at least.
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
            return Err(super::error("without an origin nobody may call: name one"));
        }
        Ok(set)
    }

    /// Adds an origin or a pattern.
    pub(super) fn add(&mut self, text: &str) -> Result<(), ConfigError> {
        if text.contains('*') {
            let pattern = Pattern::parse(text).map_err(|fault| error(text, fault))?;
            if pattern.is_insecure() && !self.insecure {
                return Err(insecure(text));
            }
            if !self.patterns.contains(&pattern) {
                self.patterns.push(pattern);
            }
            return Ok(());
        }
        let origin = Origin::parse_exact(text).map_err(|fault| error(text, &fault))?;
        if origin.is_insecure() && !self.insecure {
            return Err(insecure(text));
        }
        self.add_exact(text)
    }

    /// Adds a value that is compared as a whole.
    pub(super) fn add_exact(&mut self, text: &str) -> Result<(), ConfigError> {
        self.exact
            .add(text)
            .map_err(|source| error(text, "not the value of a header field").because(source))
    }

    /// The origins that are named one by one; `null` names nobody.
    pub(super) fn named(&self) -> impl Iterator<Item = &str> {
        let exact = self.exact.as_slice().iter();
        exact
            .filter_map(|origin| origin.to_str().ok())
            .filter(|origin| *origin != "null")
    }

    pub(super) fn add_predicate<F>(&mut self, predicate: F)
    where
        F: Fn(&Origin<'_>, &Parts) -> bool + Send + Sync + 'static,
    {
        self.predicates.push(Arc::new(predicate));
    }

    /// The only origin, if there is one and nothing depends on the request.
    pub(super) fn only(&self) -> Option<HeaderValue> {
        match self.exact.as_slice() {
            [only] if self.patterns.is_empty() && self.predicates.is_empty() => Some(only.clone()),
            _ => None,
        }
    }

    /// Whether closures need to see the head of the request.
    pub(super) fn asks_closures(&self) -> bool {
        !self.predicates.is_empty()
    }

    /// The value of `Access-Control-Allow-Origin`, if the list or a pattern allows the origin.
    pub(super) fn find(&self, asked: &HeaderValue) -> Option<HeaderValue> {
        if let Some(exact) = self.exact.find(asked.as_bytes()) {
            return Some(exact.clone());
        }
        if self.patterns.is_empty() {
            return None;
        }
        let origin = Origin::parse(asked.to_str().ok()?).ok()?;
        let mut patterns = self.patterns.iter();
        patterns
            .any(|one| one.matches(&origin))
            .then(|| asked.clone())
    }

    /// The same, if a closure allows the origin.
    pub(super) fn ask(&self, asked: &HeaderValue, head: &Parts) -> Option<HeaderValue> {
        let origin = Origin::parse(asked.to_str().ok()?).ok()?;
        if origin.is_insecure() && !self.insecure {
            return None;
        }
        let mut predicates = self.predicates.iter();
        predicates
            .any(|allows| allows(&origin, head))
            .then(|| asked.clone())
    }
}

fn insecure(text: &str) -> ConfigError {
    error(
        text,
        "anyone on the network can be a plain `http` origin, so it gets no credentials: use \
         `https`, or a policy without credentials (`Cors::anonymous`)",
    )
}

fn error(text: &str, fault: &str) -> ConfigError {
    let message = match text {
        "*" => "`*` is not an origin: write `Cors::any()`".to_owned(),
        "null" => "`null` is the origin of every sandboxed frame, on any site: \
                   `Cors::anonymous` has `dangerously_allow_null_origin()`"
            .to_owned(),
        _ => format!("`{text}`: {fault}"),
    };
    super::error(message)
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
