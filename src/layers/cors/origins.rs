//! The origins that a policy allows: exact ones, patterns and closures.

use std::{fmt, sync::Arc};

use http::HeaderValue;

use super::public_suffix;
use crate::{
    request::RequestHead,
    wire::{
        ConfigError,
        field::{Origin, origin::Fault, origin_list::OriginList},
    },
};

type Predicate = Arc<dyn Fn(&Origin<'_>, &RequestHead<'_>) -> bool + Send + Sync>;

/// Exact origins, patterns and closures: an origin is allowed if one of them allows it.
#[derive(Clone, Default)]
pub(super) struct Origins {
    exact: OriginList,
    patterns: Vec<Pattern>,
    predicates: Vec<Predicate>,
    /// Whether plain `http` origins may be allowed.
    pub(super) insecure: bool,
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
            return Err(super::policy::error(
                "the list of origins is empty: list an origin",
            ));
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

    /// Adds a value that is compared literally.
    pub(super) fn add_exact(&mut self, text: &str) -> Result<(), ConfigError> {
        self.exact
            .add(text)
            .map_err(|source| error(text, "not a valid header value").because(source))
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
            .any(|one| one.matches(&parsed))
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

fn insecure(text: &str) -> ConfigError {
    error(
        text,
        "anyone on the network can impersonate a plain `http` origin, so it must not get \
         credentials: use `https`, or a policy without credentials (`Cors::anonymous`)",
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
    super::policy::error(message)
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

/// `https://*.example.com`, `http://localhost:*`, or both at once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    scheme: String,
    host: Host,
    port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exactly(String),
    /// One or more labels, a dot, and this name.
    Under(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Port {
    Exactly(Option<u16>),
    Any,
}

/// As it is written in a policy.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        match &self.host {
            Host::Exactly(host) => f.write_str(host)?,
            Host::Under(host) => write!(f, "*.{host}")?,
        }
        match self.port {
            Port::Exactly(None) => Ok(()),
            Port::Exactly(Some(port)) => write!(f, ":{port}"),
            Port::Any => f.write_str(":*"),
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, Fault> {
        let (rest, any_port) = match text.strip_suffix(":*") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (rest, subdomains) = match rest.split_once("://*.") {
            Some((scheme, host)) => (format!("{scheme}://{host}"), true),
            None => (rest.to_owned(), false),
        };
        if rest.contains('*') {
            return Err(
                "a `*` stands for all subdomains (`https://*.example.com`) or for \
                        any port (`http://localhost:*`)",
            );
        }
        let origin = Origin::parse(&rest)?;
        let scheme = origin.scheme().to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err("only `https` and `http` origins can contain a `*`");
        }
        let host = origin.host().to_ascii_lowercase();
        let host = if subdomains {
            public_suffix::check(&host)?;
            Host::Under(host)
        } else {
            Host::Exactly(host)
        };
        let port = match (origin.port(), any_port) {
            (Some(_), true) => return Err("an origin has only one port"),
            (None, true) => Port::Any,
            (port, false) => Port::Exactly(port),
        };
        Ok(Self { scheme, host, port })
    }

    /// Whether an attacker on the network could impersonate one of these origins.
    fn is_insecure(&self) -> bool {
        let (Host::Exactly(host) | Host::Under(host)) = &self.host;
        let origin = format!("{}://{host}", self.scheme);
        Origin::parse(&origin).is_ok_and(|origin| origin.is_insecure())
    }

    /// Scheme and host compare without regard to ASCII case (RFC 6454, section 4).
    fn matches(&self, origin: &Origin<'_>) -> bool {
        let port = match self.port {
            Port::Any => true,
            Port::Exactly(port) => origin.port() == port,
        };
        port && same(origin.scheme(), &self.scheme)
            && match &self.host {
                Host::Exactly(host) => same(origin.host(), host),
                Host::Under(parent) => is_under(origin.host(), parent),
            }
    }
}

fn is_under(host: &str, parent: &str) -> bool {
    let at = host.len().checked_sub(parent.len());
    let split = at.and_then(|at| host.split_at_checked(at));
    // The dot distinguishes `evil.example.com` from `evilexample.com`.
    split
        .is_some_and(|(labels, end)| labels.len() > 1 && labels.ends_with('.') && same(end, parent))
}

/// Browsers send lower case, so the first comparison usually decides.
fn same(one: &str, other: &str) -> bool {
    one == other || one.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_subdomains_and_ports_and_nothing_else() {
        let cases = [
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://A.Example.COM", true),
            ("https://*.EXAMPLE.com", "https://a.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://evilexample.com", false),
            (
                "https://*.example.com",
                "https://a.example.com.evil.net",
                false,
            ),
            ("https://*.example.com", "https://a.example.org", false),
            ("https://*.example.com", "http://a.example.com", false),
            ("https://*.example.com", "https://a.example.com:8443", false),
            (
                "https://*.example.com:8443",
                "https://a.example.com:8443",
                true,
            ),
            (
                "https://*.example.com:*",
                "https://a.example.com:8443",
                true,
            ),
            ("https://*.example.com:*", "https://a.example.com", true),
            ("http://localhost:*", "http://localhost:5173", true),
            ("http://localhost:*", "http://localhost", true),
            ("http://localhost:*", "https://localhost:5173", false),
            ("http://localhost:*", "http://a.localhost:5173", false),
            ("http://*.localhost:*", "http://a.localhost:5173", true),
            ("http://[::1]:*", "http://[::1]:3000", true),
            ("http://127.0.0.1:*", "http://127.0.0.1:3000", true),
        ];
        for (pattern, origin, matches) in cases {
            let parsed = Pattern::parse(pattern).unwrap();
            let origin = Origin::parse(origin).unwrap();
            assert_eq!(parsed.matches(&origin), matches, "{pattern} {origin:?}");
        }
    }
}
