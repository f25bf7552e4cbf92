//! Response directives: read, checked for contradictions, and written in one order.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use http::{HeaderName, HeaderValue};

use self::Name::{
    Immutable, MaxAge, MustRevalidate, MustUnderstand, NoCache, NoStore, NoTransform, Private,
    ProxyRevalidate, Public, SMaxage, StaleIfError, StaleWhileRevalidate,
};
use crate::wire::{
    ConfigError,
    field::{
        cache_control::{Directive, UnclosedQuote, delta_seconds, directives},
        is_token_byte, trim_ows,
    },
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

/// The response directives of RFC 9111, RFC 5861 and RFC 8246, and extensions (RFC 9111, section
/// 5.2.3), each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives {
    known: BTreeMap<Name, Argument>,
    /// In the order in which they were given.
    extensions: Vec<Extension>,
}

/// A directive that no standard defines. The name is in lower case, and the value is a token or a
/// quoted string, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Extension {
    name: String,
    value: Option<String>,
}

/// Caches treat every larger number as this one (RFC 9111, section 1.2.2).
pub(super) const MAX_SECONDS: u32 = 1 << 31;

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

/// Directives that only forbid, and so never contradict each other: `private, no-store` is the same
/// as `no-store`. A lifetime of zero is one of them.
const RESTRICTIONS: &[Name] = &[
    Private,
    NoCache,
    NoStore,
    MustRevalidate,
    ProxyRevalidate,
    NoTransform,
];

/// A restriction, a directive that it makes meaningless, and why. `private` and `no-cache` only
/// where they name no fields, times only where they are not zero.
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
    /// Reads a list of directives (RFC 9111, section 5.2) and checks that they fit together. Empty
    /// elements are skipped (RFC 9110, section 5.6.1.2).
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut all = Self::default();
        for directive in directives(text.as_bytes()) {
            let directive =
                directive.map_err(|UnclosedQuote| error("a quoted string is not closed"))?;
            if directive.name.is_empty() && directive.argument.is_none() {
                continue;
            }
            let is_new = match known(directive)? {
                Some((name, argument)) => all.set(name, argument),
                None => all.extend(Extension::read(directive)?),
            };
            if !is_new {
                let name = String::from_utf8_lossy(directive.name).to_ascii_lowercase();
                return Err(error(format!("{name} is repeated")));
            }
        }
        if all.is_empty() {
            return Err(error("there is no directive"));
        }
        all.check()?;
        Ok(all)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.extensions.is_empty()
    }

    /// Sets a directive; false if it was set already.
    pub(super) fn set(&mut self, name: Name, argument: Argument) -> bool {
        self.known.insert(name, argument).is_none()
    }

    /// Adds an extension, whose value is quoted if it is not a token.
    pub(super) fn add_extension(
        &mut self,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), ConfigError> {
        let extension = Extension::new(name, value)?;
        if !self.extend(extension) {
            return Err(error(format!("{name} is repeated")));
        }
        Ok(())
    }

    fn extend(&mut self, extension: Extension) -> bool {
        let is_new = self.extensions.iter().all(|old| old.name != extension.name);
        if is_new {
            self.extensions.push(extension);
        }
        is_new
    }

    /// Whether the directive is set and covers the whole response, not only some of its fields.
    fn has(&self, name: Name) -> bool {
        self.known
            .get(&name)
            .is_some_and(|argument| !matches!(argument, Argument::Fields(_)))
    }

    /// The same, and a time is not zero.
    fn grants(&self, name: Name) -> bool {
        self.has(name) && self.known.get(&name) != Some(&Argument::Seconds(0))
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
        for (one, other, reason) in CONTRADICTIONS {
            if self.has(*one) && self.grants(*other) {
                return Err(contradiction(*one, *other, reason));
            }
        }
        if self.forbids_storing() {
            // RFC 9111, section 5.2.2.5: nothing is stored, so nothing can be allowed.
            let grants = |name: &&Name| self.grants(**name) && !RESTRICTIONS.contains(name);
            if let Some(other) = self.known.keys().find(grants) {
                let reason = "a response that is not stored can't be reused (RFC 9111, 5.2.2.5)";
                return Err(contradiction(NoStore, *other, reason));
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
            own.known.remove(&name);
        }
        // What an extension allows is not known.
        own.extensions.clear();
        if !own.has(MaxAge) {
            // These belonged to the lifetime in shared caches.
            for name in [Immutable, StaleWhileRevalidate, StaleIfError] {
                own.known.remove(&name);
            }
        }
        own.set(Private, Argument::Nothing);
        own
    }

    /// The directives that do not override an `Expires` (RFC 9111, section 5.3): all of a policy that forbids
    /// storing; otherwise its restrictions, without the lifetime and what belongs to it. What an extension
    /// allows is not known.
    pub(super) fn beside_expires(&self) -> Self {
        let mut left = self.clone();
        if !self.is_fresh() || self.forbids_storing() {
            return left;
        }
        left.known.remove(&MaxAge);
        left.known.remove(&SMaxage);
        if !self.has(NoCache) {
            for name in [Public, Immutable, StaleWhileRevalidate, StaleIfError] {
                left.known.remove(&name);
            }
            left.extensions.clear();
        }
        left
    }

    /// The value of the header field; `None` if there is no directive.
    pub(super) fn to_value(&self) -> Option<HeaderValue> {
        if self.is_empty() {
            return None;
        }
        // Names, numbers and the values of extensions are visible ASCII.
        HeaderValue::try_from(self.to_string()).ok()
    }
}

impl fmt::Display for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, argument) in &self.known {
            f.write_str(std::mem::replace(&mut separator, ", "))?;
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
        for Extension { name, value } in &self.extensions {
            f.write_str(std::mem::replace(&mut separator, ", "))?;
            f.write_str(name)?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

impl Extension {
    fn new(name: &str, value: Option<&str>) -> Result<Self, ConfigError> {
        let written = match value {
            Some(value) if value.is_empty() || !value.bytes().all(is_token_byte) => {
                // RFC 9110, section 5.6.4.
                Some(format!(
                    "\"{}\"",
                    value.replace('\\', r"\\").replace('"', r#"\""#)
                ))
            }
            value => value.map(str::to_owned),
        };
        let directive = Directive {
            name: name.as_bytes(),
            argument: written.as_deref().map(str::as_bytes),
        };
        if known(directive).map_or(true, |known| known.is_some()) {
            return Err(error(format!(
                "{name} has a method of its own: use that instead of `.extension(..)`"
            )));
        }
        Self::read(directive)
    }

    /// RFC 9111, section 5.2.3.
    fn read(directive: Directive<'_>) -> Result<Self, ConfigError> {
        let name = String::from_utf8_lossy(directive.name).to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return Err(error(format!("{name:?} is not a response directive")));
        }
        // Otherwise a misspelled restriction would be dropped by every cache.
        let letters = |name: &str| name.replace(['-', '_'], "");
        let known = Name::ALL.into_iter().map(Name::as_str);
        let mut known = known.filter(|known| letters(known) == letters(&name));
        if let Some(known) = known.next() {
            return Err(error(format!(
                "{name:?} is not a response directive: write {known}"
            )));
        }
        if REQUEST_DIRECTIVES.contains(&&*name) {
            return Err(error(format!(
                "{name:?} is not a response directive: clients send it in requests"
            )));
        }
        let value = directive.argument.map(|value| {
            if !value.is_empty() && value.iter().copied().all(is_token_byte) || is_quoted(value) {
                return Ok(String::from_utf8_lossy(value).into_owned());
            }
            Err(error(format!(
                "the value of {name} must be a token or a quoted string of visible ASCII"
            )))
        });
        Ok(Self {
            value: value.transpose()?,
            name,
        })
    }
}

/// The directives of RFC 9111, section 5.2.1, that are not also response directives.
const REQUEST_DIRECTIVES: [&str; 3] = ["max-stale", "min-fresh", "only-if-cached"];

/// A quoted string of visible ASCII and spaces (RFC 9110, section 5.6.4).
fn is_quoted(value: &[u8]) -> bool {
    let [b'"', inside @ .., b'"'] = value else {
        return false;
    };
    let mut escaped = false;
    for byte in inside {
        match byte {
            b' '..=b'~' if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return false,
            b' '..=b'~' => {}
            _ => return false,
        }
    }
    !escaped
}

/// A directive that a standard defines; `None` for others.
fn known(directive: Directive<'_>) -> Result<Option<(Name, Argument)>, ConfigError> {
    // RFC 9111, section 5.2: names are case-insensitive.
    let is_name = |known: &Name| {
        let known = known.as_str().as_bytes();
        known.eq_ignore_ascii_case(directive.name)
    };
    let Some(name) = Name::ALL.into_iter().find(is_name) else {
        return Ok(None);
    };
    let argument = match (name, directive.argument) {
        (MaxAge | SMaxage | StaleWhileRevalidate | StaleIfError, value) => {
            Argument::Seconds(seconds(name, value)?)
        }
        (Private | NoCache, Some(value)) => Argument::Fields(fields(name, value)?),
        (_, None) => Argument::Nothing,
        (_, Some(_)) => return Err(error(format!("{} takes no value", name.as_str()))),
    };
    Ok(Some((name, argument)))
}

/// RFC 9111, section 1.2.2: digits only, and section 5.2.2.1: never quoted.
fn seconds(name: Name, value: Option<&[u8]>) -> Result<u32, ConfigError> {
    let name = name.as_str();
    let value = value.ok_or_else(|| error(format!("{name} needs a number of seconds")))?;
    let seconds = delta_seconds(value).filter(|seconds| *seconds <= MAX_SECONDS);
    seconds.ok_or_else(|| {
        let value = String::from_utf8_lossy(value);
        error(format!(
            "{name} needs a number of seconds from 0 to {MAX_SECONDS}, not {value:?}"
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
    let list = quoted.split(|byte| *byte == b',').map(trim_ows);
    // RFC 9110, section 5.6.1.2.
    for field in list.filter(|field| !field.is_empty()) {
        let field = HeaderName::from_bytes(field).map_err(|source| {
            let field = String::from_utf8_lossy(field);
            error(format!("{field:?} is not a field name")).because(source)
        })?;
        if fields.contains(&field) {
            return Err(error(format!("{field} is repeated in {name}")));
        }
        fields.push(field);
    }
    if fields.is_empty() {
        return Err(error(format!("{name} names no field")));
    }
    Ok(fields)
}

fn contradiction(one: Name, other: Name, reason: &str) -> ConfigError {
    let (one, other) = (one.as_str(), other.as_str());
    error(format!("{one} and {other} contradict each other: {reason}"))
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("CacheControl", message)
}
