//! Response directives: read strictly, checked for contradictions, and written in one order.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use http::{HeaderName, HeaderValue};

use self::Name::{
    Immutable, MaxAge, MustRevalidate, MustUnderstand, NoCache, NoStore, NoTransform, Private,
    ProxyRevalidate, Public, SMaxage, StaleIfError, StaleWhileRevalidate,
};
use crate::wire::{
    ConfigError,
    field::cache_control::{Directive, UnclosedQuote, delta_seconds, directives, trim_ows},
};

/// The name of a directive. Directives are written in the order of these variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    MustUnderstand,
    Public,
    Private,
    NoCache,
    NoStore,
    MaxAge,
    SMaxage,
    Immutable,
    StaleWhileRevalidate,
    StaleIfError,
    MustRevalidate,
    ProxyRevalidate,
    NoTransform,
}

/// The argument of a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Nothing,
    Seconds(u32),
    Fields(Vec<HeaderName>),
}

/// The response directives of RFC 9111, RFC 5861 and RFC 8246, each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives(BTreeMap<Name, Argument>);

/// Caches treat every larger number as this one (RFC 9111, section 1.2.2).
pub(super) const MOST_SECONDS: u32 = 1 << 31;

impl Name {
    const ALL: [Self; 13] = [
        MustUnderstand,
        Public,
        Private,
        NoCache,
        NoStore,
        MaxAge,
        SMaxage,
        Immutable,
        StaleWhileRevalidate,
        StaleIfError,
        MustRevalidate,
        ProxyRevalidate,
        NoTransform,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            MustUnderstand => "must-understand",
            Public => "public",
            Private => "private",
            NoCache => "no-cache",
            NoStore => "no-store",
            MaxAge => "max-age",
            SMaxage => "s-maxage",
            Immutable => "immutable",
            StaleWhileRevalidate => "stale-while-revalidate",
            StaleIfError => "stale-if-error",
            MustRevalidate => "must-revalidate",
            ProxyRevalidate => "proxy-revalidate",
            NoTransform => "no-transform",
        }
    }
}

/// Pairs that contradict each other, `private` and `no-cache` only where they name no fields.
const CONTRADICTIONS: &[(Name, Name, &str)] = &[
    (
        Public,
        Private,
        "one lets shared caches store it, the other forbids it (RFC 9111, 5.2.2.7)",
    ),
    (
        Private,
        SMaxage,
        "s-maxage is for shared caches, which private excludes (RFC 9111, 5.2.2.10)",
    ),
    (
        Private,
        ProxyRevalidate,
        "proxy-revalidate is for shared caches, which private excludes (RFC 9111, 5.2.2.8)",
    ),
    (NoCache, MaxAge, NO_CACHE),
    (NoCache, SMaxage, NO_CACHE),
    (NoCache, Immutable, NO_CACHE),
    (NoCache, StaleWhileRevalidate, NO_CACHE),
    (NoCache, StaleIfError, NO_CACHE),
    (MustRevalidate, StaleWhileRevalidate, MUST_REVALIDATE),
    (MustRevalidate, StaleIfError, MUST_REVALIDATE),
];
const NO_CACHE: &str =
    "no-cache requires validation before every reuse (RFC 9111, 5.2.2.4); remove one of them";
const MUST_REVALIDATE: &str =
    "must-revalidate forbids the use of a stale response (RFC 9111, 5.2.2.2); remove one of them";

impl Directives {
    /// Reads a list of directives (RFC 9111, section 5.2) and checks that they fit together.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut all = Self::default();
        for directive in directives(text.as_bytes()) {
            let directive =
                directive.map_err(|UnclosedQuote| error("a quoted string is not closed"))?;
            let (name, argument) = known(directive)?;
            if !all.set(name, argument) {
                return Err(error(format!("{} is repeated", name.as_str())));
            }
        }
        all.check()?;
        Ok(all)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a directive; false if it was set already.
    pub(super) fn set(&mut self, name: Name, argument: Argument) -> bool {
        self.0.insert(name, argument).is_none()
    }

    /// Whether the directive is set and covers the whole response, not only some of its fields.
    fn has(&self, name: Name) -> bool {
        self.0
            .get(&name)
            .is_some_and(|argument| !matches!(argument, Argument::Fields(_)))
    }

    /// Whether the response has a freshness lifetime.
    fn is_fresh(&self) -> bool {
        self.has(MaxAge) || self.has(SMaxage)
    }

    /// Whether no cache may keep the response. `must-understand` suspends `no-store` for caches
    /// that know the status (RFC 9111, section 5.2.2.3).
    pub(super) fn forbids_storing(&self) -> bool {
        self.has(NoStore) && !self.has(MustUnderstand)
    }

    /// Rejects directives that contradict each other or have no effect.
    fn check(&self) -> Result<(), ConfigError> {
        for (one, other, why) in CONTRADICTIONS {
            if self.has(*one) && self.has(*other) {
                return Err(contradiction(*one, *other, why));
            }
        }
        if self.forbids_storing() {
            // RFC 9111, section 5.2.2.5: nothing is stored, so nothing else can apply.
            let other = self.0.keys().find(|n| !matches!(n, NoStore | NoTransform));
            if let Some(other) = other {
                let why =
                    "a response that is not stored needs no other directive (RFC 9111, 5.2.2.5)";
                return Err(contradiction(NoStore, *other, why));
            }
        }
        if self.has(MustUnderstand) && !self.has(NoStore) {
            return Err(error(
                "must-understand needs no-store beside it, for caches that do not implement it \
                 (RFC 9111, 5.2.2.3)",
            ));
        }
        if self.has(Immutable) && !self.is_fresh() {
            return Err(error(
                "immutable applies only while the response is fresh (RFC 8246, 2): add max-age",
            ));
        }
        Ok(())
    }

    /// The same for one client only, without the directives for shared caches.
    pub(super) fn privatized(&self) -> Self {
        let mut own = self.clone();
        if own.forbids_storing() {
            return own;
        }
        for name in [Public, SMaxage, ProxyRevalidate] {
            own.0.remove(&name);
        }
        if !own.has(MaxAge) {
            // These belonged to the lifetime in shared caches.
            for name in [Immutable, StaleWhileRevalidate, StaleIfError] {
                own.0.remove(&name);
            }
        }
        own.set(Private, Argument::Nothing);
        own
    }

    /// The directives that do not override an `Expires` (RFC 9111, section 5.3): of a policy with a
    /// lifetime, only `private` is left.
    pub(super) fn beside_expires(&self) -> Self {
        if !self.is_fresh() {
            return self.clone();
        }
        let mut left = Self::default();
        if self.has(Private) {
            left.set(Private, Argument::Nothing);
        }
        left
    }

    /// The value of the header field; `None` if there is no directive.
    pub(super) fn to_value(&self) -> Option<HeaderValue> {
        if self.is_empty() {
            return None;
        }
        // Directive names, field names and numbers are visible ASCII.
        HeaderValue::try_from(self.to_string()).ok()
    }
}

impl fmt::Display for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, argument)) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            f.write_str(name.as_str())?;
            match argument {
                Argument::Nothing => {}
                Argument::Seconds(seconds) => write!(f, "={seconds}")?,
                Argument::Fields(fields) => {
                    // Always quoted, as senders should (RFC 9111, section 5.2.2.4).
                    let names: Vec<_> = fields.iter().map(HeaderName::as_str).collect();
                    write!(f, "=\"{}\"", names.join(", "))?;
                }
            }
        }
        Ok(())
    }
}

fn known(directive: Directive<'_>) -> Result<(Name, Argument), ConfigError> {
    let text = directive.name;
    // RFC 9111, section 5.2: names are case-insensitive.
    let name = Name::ALL
        .into_iter()
        .find(|known| known.as_str().as_bytes().eq_ignore_ascii_case(text))
        .ok_or_else(|| {
            let text = String::from_utf8_lossy(text);
            error(format!("{text:?} is not a response directive"))
        })?;
    let argument = match (name, directive.argument) {
        (MaxAge | SMaxage | StaleWhileRevalidate | StaleIfError, value) => {
            Argument::Seconds(seconds(name, value)?)
        }
        (Private | NoCache, Some(value)) => Argument::Fields(fields(name, value)?),
        (_, None) => Argument::Nothing,
        (_, Some(_)) => return Err(error(format!("{} takes no value", name.as_str()))),
    };
    Ok((name, argument))
}

/// RFC 9111, section 1.2.2: digits only, and section 5.2.2.1: never quoted.
fn seconds(name: Name, value: Option<&[u8]>) -> Result<u32, ConfigError> {
    let name = name.as_str();
    let value = value.ok_or_else(|| error(format!("{name} needs a number of seconds")))?;
    let seconds = delta_seconds(value).filter(|seconds| *seconds <= MOST_SECONDS);
    seconds.ok_or_else(|| {
        let value = String::from_utf8_lossy(value);
        error(format!(
            "{name} needs a number of seconds from 0 to {MOST_SECONDS}, not {value:?}"
        ))
    })
}

/// RFC 9111, section 5.2.2.4: a quoted list of field names.
fn fields(name: Name, value: &[u8]) -> Result<Vec<HeaderName>, ConfigError> {
    let name = name.as_str();
    let quoted = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .ok_or_else(|| {
            let value = String::from_utf8_lossy(value);
            error(format!("put the fields of {name} in quotes: {value}"))
        })?;
    let mut fields = Vec::new();
    for field in quoted.split(|byte| *byte == b',') {
        let field = trim_ows(field);
        let field = HeaderName::from_bytes(field).map_err(|source| {
            let field = String::from_utf8_lossy(field);
            error(format!("{field:?} is not a field name")).because(source)
        })?;
        if fields.contains(&field) {
            return Err(error(format!("{field} is repeated in {name}")));
        }
        fields.push(field);
    }
    Ok(fields)
}

fn contradiction(one: Name, other: Name, why: &str) -> ConfigError {
    let (one, other) = (one.as_str(), other.as_str());
    error(format!("{one} and {other} contradict each other: {why}"))
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("CacheControl", message)
}
