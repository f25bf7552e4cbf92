//! Holds response directives, in the order in which they are written, and says which contradict
//! each other.

use std::{collections::BTreeMap, fmt};

use http::{HeaderName, HeaderValue};

use self::Name::{
    Immutable, MaxAge, MustRevalidate, MustUnderstand, NoCache, NoStore, NoTransform, Private,
    ProxyRevalidate, Public, SMaxage, StaleIfError, StaleWhileRevalidate,
};
use crate::wire::ConfigError;

/// A directive's name. The order is that in which directives are written.
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

/// What stands after a directive's `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Nothing,
    Seconds(u32),
    Fields(Vec<HeaderName>),
}

/// The response directives of RFC 9111, RFC 5861 and RFC 8246, each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives(BTreeMap<Name, Argument>);

/// What a cache reads from a larger number (RFC 9111, section 1.2.2).
pub(super) const MOST_SECONDS: u32 = 1 << 31;

impl Name {
    pub(super) const ALL: [Self; 13] = [
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

    pub(super) const fn as_str(self) -> &'static str {
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
        "s-maxage is for shared caches, which private shuts out (RFC 9111, 5.2.2.10)",
    ),
    (
        Private,
        ProxyRevalidate,
        "proxy-revalidate is for shared caches, which private shuts out (RFC 9111, 5.2.2.8)",
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
    "no-cache has every reuse validated, fresh or stale (RFC 9111, 5.2.2.4); drop one of them";
const MUST_REVALIDATE: &str =
    "must-revalidate forbids every use of a stale response (RFC 9111, 5.2.2.2); drop one of them";

impl Directives {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a directive; false if it was there already.
    pub(super) fn set(&mut self, name: Name, argument: Argument) -> bool {
        self.0.insert(name, argument).is_none()
    }

    /// Whether the directive is there and covers the whole response, not some fields of it.
    pub(super) fn has(&self, name: Name) -> bool {
        self.0
            .get(&name)
            .is_some_and(|argument| !matches!(argument, Argument::Fields(_)))
    }

    /// Whether a cache is told for how long the response is fresh.
    pub(super) fn is_fresh(&self) -> bool {
        self.has(MaxAge) || self.has(SMaxage)
    }

    /// Whether no cache may keep the response. `must-understand` suspends `no-store` for caches
    /// that know the status (RFC 9111, section 5.2.2.3).
    pub(super) fn forbids_storing(&self) -> bool {
        self.has(NoStore) && !self.has(MustUnderstand)
    }

    /// Refuses what is contradictory or can have no effect.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (one, other, why) in CONTRADICTIONS {
            if self.has(*one) && self.has(*other) {
                return Err(contradiction(*one, *other, why));
            }
        }
        if self.forbids_storing() {
            // RFC 9111, section 5.2.2.5: nothing is stored, so nothing else can apply.
            let other = self.0.keys().find(|n| !matches!(n, NoStore | NoTransform));
            if let Some(other) = other {
                let why = "what is not stored has no other rules (RFC 9111, 5.2.2.5)";
                return Err(contradiction(NoStore, *other, why));
            }
        }
        if self.has(MustUnderstand) && !self.has(NoStore) {
            return Err(error(
                "must-understand needs no-store beside it, for the caches that do not know it \
                 (RFC 9111, 5.2.2.3)",
            ));
        }
        if self.has(Immutable) && !self.is_fresh() {
            return Err(error(
                "immutable holds while the response is fresh (RFC 8246, 2): add max-age",
            ));
        }
        Ok(())
    }

    /// The same for one client only: what is said to shared caches is dropped.
    pub(super) fn privatized(&self) -> Self {
        let mut own = self.clone();
        if own.forbids_storing() {
            return own;
        }
        for name in [Public, SMaxage, ProxyRevalidate] {
            own.0.remove(&name);
        }
        if !own.has(MaxAge) {
            // These went with the lifetime in shared caches.
            for name in [Immutable, StaleWhileRevalidate, StaleIfError] {
                own.0.remove(&name);
            }
        }
        own.set(Private, Argument::Nothing);
        own
    }

    /// What can stand beside an `Expires` without overriding it (RFC 9111, section 5.3): of a
    /// lifetime and what goes with it, only `private` is left.
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
        // Names of directives, names of fields, and numbers: all of it is visible ASCII.
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
                    // Quoted even where it need not be (RFC 9111, section 5.2.2.4).
                    let names: Vec<_> = fields.iter().map(HeaderName::as_str).collect();
                    write!(f, "=\"{}\"", names.join(", "))?;
                }
            }
        }
        Ok(())
    }
}

fn contradiction(one: Name, other: Name, why: &str) -> ConfigError {
    let (one, other) = (one.as_str(), other.as_str());
    error(format!("{one} and {other} contradict each other: {why}"))
}

pub(super) fn error(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new("CacheControl", message)
}
