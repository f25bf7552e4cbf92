//! The policy: directives, statuses, and what authenticated clients get.

use std::{fmt, marker::PhantomData, str::FromStr, time::Duration};

use http::{HeaderName, StatusCode};

use super::{
    directives::{Argument, Directives, MAX_SECONDS, Name},
    state::{
        Fresh, FromText, Lifetime, MayBeStale, MustRevalidate, NoCache, NoStore, Private, Public,
        Restrictive, Shareable, Stale, Storable, Unset,
    },
};
use crate::wire::ConfigError;

/// What caches may do with a response: the policy of
/// [`with_cache_control`](crate::with_cache_control).
///
/// Its type tracks the directives so far: who may store the response (`V`), whether it has a
/// lifetime (`F`), and what applies after the lifetime (`S`). Setters that would contradict them do
/// not exist: a `private` policy has no `s_maxage`, a `no_store` policy has no `max_age`,
/// `immutable` requires a lifetime, and `must_revalidate` excludes `stale_while_revalidate`.
/// A policy from a configuration file is [parsed](#impl-FromStr-for-CacheControl), and is a
/// [`ConfigError`] if it is contradictory. If the policy depends on a value that is known only at run
/// time, [`erased`](Self::erased) gives all policies one type.
///
/// Times are written in whole seconds. A fraction is dropped, so a response is never fresh for
/// longer than configured; more than 2^31 seconds (68 years) are written as 2^31, as caches read
/// them ([RFC 9111, section 1.2.2]).
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use wythe::CacheControl;
///
/// let policy = CacheControl::public()
///     .s_maxage(Duration::from_secs(60))
///     .stale_while_revalidate(Duration::from_secs(300));
/// assert_eq!(policy.to_string(), "public, s-maxage=60, stale-while-revalidate=300");
///
/// let parsed: CacheControl = "public, max-age=600, must-revalidate".parse()?;
/// assert!("private, s-maxage=60".parse::<CacheControl>().is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// ```compile_fail
/// use std::time::Duration;
///
/// wythe::CacheControl::private().s_maxage(Duration::from_secs(60));
/// ```
///
/// [RFC 9111, section 1.2.2]: https://www.rfc-editor.org/rfc/rfc9111#section-1.2.2
#[must_use]
pub struct CacheControl<V = FromText, F = FromText, S = FromText> {
    pub(super) plan: StatusPolicy,
    pub(super) statuses: Vec<(StatusCode, StatusPolicy)>,
    said: PhantomData<fn() -> (V, F, S)>,
}

/// The policy for one status.
#[derive(Clone, Debug, Default)]
pub(super) struct StatusPolicy {
    pub(super) own: Directives,
    pub(super) cdn: Directives,
    pub(super) shared_when_authenticated: bool,
}

impl CacheControl<Unset, Unset, Unset> {
    /// No directives. Whether shared caches may store the response is left to the defaults
    /// ([RFC 9111, section 3](https://www.rfc-editor.org/rfc/rfc9111#section-3)).
    pub fn new() -> Self {
        Self::of(StatusPolicy::default(), Vec::new())
    }
}

impl Default for CacheControl<Unset, Unset, Unset> {
    fn default() -> Self {
        Self::new()
    }
}

impl CacheControl<Public, Unset, Unset> {
    /// `public`: every cache may store the response (RFC 9111, section 5.2.2.9).
    pub fn public() -> Self {
        CacheControl::new().with(Name::Public, Argument::Nothing)
    }
}

impl CacheControl<Private, Unset, Unset> {
    /// `private`: only the client's own cache may store the response (RFC 9111, section 5.2.2.7).
    pub fn private() -> Self {
        CacheControl::new().with(Name::Private, Argument::Nothing)
    }
}

impl CacheControl<NoStore, Unset, Unset> {
    /// `no-store`: no cache may store the response (RFC 9111, section 5.2.2.5).
    ///
    /// It only forbids, so it applies to responses of every status, not only to successes.
    pub fn no_store() -> Self {
        CacheControl::new().with(Name::NoStore, Argument::Nothing)
    }
}

impl<V: Storable, F: Lifetime, S> CacheControl<V, F, S> {
    /// `max-age`: for how long the response is fresh (RFC 9111, section 5.2.2.1).
    pub fn max_age(self, age: Duration) -> CacheControl<V, Fresh, S> {
        self.with(Name::MaxAge, seconds(age))
    }

    /// `no-cache="..."`: these fields must not be reused without validation; the rest of the
    /// response may be (RFC 9111, section 5.2.2.4). Without fields, no directive is added.
    pub fn no_cache_fields(self, fields: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with_fields(Name::NoCache, fields)
    }
}

impl<V: Shareable, F: Lifetime, S> CacheControl<V, F, S> {
    /// `s-maxage`: for how long the response is fresh in shared caches, instead of `max-age` (RFC
    /// 9111, section 5.2.2.10).
    ///
    /// Strictly, it also forbids shared caches to serve the response stale. In practice CDNs honor
    /// [`stale_while_revalidate`](Self::stale_while_revalidate) beside it, and the two are commonly
    /// combined.
    pub fn s_maxage(self, age: Duration) -> CacheControl<V, Fresh, S> {
        self.with(Name::SMaxage, seconds(age))
    }
}

impl<V: Shareable, F, S> CacheControl<V, F, S> {
    /// `proxy-revalidate`: shared caches must not serve the response stale (RFC 9111, section
    /// 5.2.2.8).
    pub fn proxy_revalidate(self) -> Self {
        self.with(Name::ProxyRevalidate, Argument::Nothing)
    }

    /// `private="..."`: shared caches must not store these fields, but may store the rest (RFC
    /// 9111, section 5.2.2.7). Without fields, no directive is added.
    pub fn private_fields(self, fields: impl IntoIterator<Item = HeaderName>) -> Self {
        self.with_fields(Name::Private, fields)
    }
}

impl<V: Storable, S> CacheControl<V, Fresh, S> {
    /// `immutable`: the content does not change while it is fresh, so that a reload does not have
    /// to validate it (RFC 8246, section 2).
    pub fn immutable(self) -> Self {
        self.with(Name::Immutable, Argument::Nothing)
    }
}

impl<V: Storable> CacheControl<V, Unset, Unset> {
    /// `no-cache`: stored, but validated before every reuse (RFC 9111, section 5.2.2.4).
    pub fn no_cache(self) -> CacheControl<V, NoCache, Unset> {
        self.with(Name::NoCache, Argument::Nothing)
    }
}

impl<V, S> CacheControl<V, NoCache, S> {
    /// `max-age=0` beside `no-cache`, for caches of HTTP/1.0 and clients that know only lifetimes.
    pub fn max_age_zero(self) -> Self {
        self.with(Name::MaxAge, Argument::Seconds(0))
    }
}

impl<V, F, S> CacheControl<V, F, S>
where
    V: Storable + Restrictive,
    F: Restrictive,
    S: Restrictive,
{
    /// `no-store` beside restrictions that it includes: for caches that do not implement it, and
    /// readers who look for the others. [`no_store`](CacheControl::no_store) alone has the same
    /// meaning.
    ///
    /// # Example: what many frameworks write
    ///
    /// ```
    /// use wythe::CacheControl;
    ///
    /// let policy = CacheControl::private().no_cache().max_age_zero().must_revalidate();
    /// let policy = policy.and_no_store();
    /// let expected = "private, no-cache, no-store, max-age=0, must-revalidate";
    /// assert_eq!(policy.to_string(), expected);
    /// ```
    pub fn and_no_store(self) -> CacheControl<NoStore, F, S> {
        self.with(Name::NoStore, Argument::Nothing)
    }
}

impl<V: Storable, F: Lifetime, S: MayBeStale> CacheControl<V, F, S> {
    /// `stale-while-revalidate`: for how long after its lifetime the response may be served while
    /// it is validated in the background (RFC 5861, section 3).
    pub fn stale_while_revalidate(self, time: Duration) -> CacheControl<V, F, Stale> {
        self.with(Name::StaleWhileRevalidate, seconds(time))
    }

    /// `stale-if-error`: for how long after its lifetime the response may be served if fetching a
    /// new one fails (RFC 5861, section 4).
    pub fn stale_if_error(self, time: Duration) -> CacheControl<V, F, Stale> {
        self.with(Name::StaleIfError, seconds(time))
    }
}

impl<V: Storable, F> CacheControl<V, F, Unset> {
    /// `must-revalidate`: no cache may serve the response stale (RFC 9111, section 5.2.2.2).
    pub fn must_revalidate(self) -> CacheControl<V, F, MustRevalidate> {
        self.with(Name::MustRevalidate, Argument::Nothing)
    }
}

impl<V: Storable, F, S> CacheControl<V, F, S> {
    /// `must-understand, no-store`: only caches that implement the requirements of the status may
    /// store the response; the others obey `no-store` (RFC 9111, section 5.2.2.3).
    pub fn must_understand(self) -> Self {
        self.with::<V, F, S>(Name::MustUnderstand, Argument::Nothing)
            .with(Name::NoStore, Argument::Nothing)
    }
}

impl<V, F, S> CacheControl<V, F, S> {
    /// `no-transform`: intermediaries must not change the content (RFC 9111, section 5.2.2.6).
    pub fn no_transform(self) -> Self {
        self.with(Name::NoTransform, Argument::Nothing)
    }

    /// Adds a directive that no standard defines (RFC 9111, section 5.2.3). A value that is not a
    /// token is quoted. Caches ignore directives that they do not know.
    ///
    /// Responses to authenticated requests do not get it, unless the policy forbids storing: what
    /// it allows is not known.
    ///
    /// # Errors
    ///
    /// If the name is not a token, is or resembles that of a standard directive, or is repeated; or if
    /// the value has characters other than visible ASCII and spaces.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::CacheControl;
    ///
    /// let policy = CacheControl::private().extension("community", Some("U C I"))?;
    /// assert_eq!(policy.to_string(), r#"private, community="U C I""#);
    /// assert!(CacheControl::new().extension("no_store", None).is_err());
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn extension(mut self, name: &str, value: Option<&str>) -> Result<Self, ConfigError> {
        self.plan.own.add_extension(name, value)?;
        Ok(self)
    }

    /// The same policy without the type states, so that policies which are chosen at run time have one
    /// type. It is also the type of parsed policies.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use wythe::CacheControl;
    ///
    /// fn policy(is_public: bool) -> CacheControl {
    ///     if is_public {
    ///         CacheControl::public().max_age(Duration::from_secs(60)).erased()
    ///     } else {
    ///         CacheControl::no_store().erased()
    ///     }
    /// }
    /// assert_eq!(policy(true).to_string(), "public, max-age=60");
    /// assert_eq!(policy(false).to_string(), "no-store");
    /// ```
    pub fn erased(self) -> CacheControl {
        CacheControl::of(self.plan, self.statuses)
    }

    /// Adds `CDN-Cache-Control` with the directives of another policy: CDNs that support the field
    /// use it instead of `Cache-Control` ([RFC 9213]).
    ///
    /// # Example: five minutes in browsers, a day in CDNs
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use wythe::CacheControl;
    ///
    /// let policy = CacheControl::public()
    ///     .max_age(Duration::from_secs(300))
    ///     .cdn(CacheControl::public().max_age(Duration::from_secs(86_400)));
    /// ```
    ///
    /// [RFC 9213]: https://www.rfc-editor.org/rfc/rfc9213
    pub fn cdn<V2, F2, S2>(mut self, policy: CacheControl<V2, F2, S2>) -> Self {
        self.plan.cdn = policy.plan.own;
        self
    }

    /// Gives responses of this status, a success or not, a policy of their own.
    ///
    /// The statuses of that policy are adopted too. The last policy for a status wins.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use http::StatusCode;
    /// use wythe::CacheControl;
    ///
    /// let policy = CacheControl::public()
    ///     .max_age(Duration::from_secs(3600))
    ///     .for_status(
    ///         StatusCode::NOT_FOUND,
    ///         CacheControl::public().max_age(Duration::from_secs(10)),
    ///     );
    /// ```
    pub fn for_status<V2, F2, S2>(
        mut self,
        status: StatusCode,
        policy: CacheControl<V2, F2, S2>,
    ) -> Self {
        for (status, plan) in policy.statuses.into_iter().chain([(status, policy.plan)]) {
            self.statuses.retain(|(known, _)| *known != status);
            self.statuses.push((status, plan));
        }
        self
    }

    /// Applies the policy unchanged to responses to authenticated requests, so that shared caches
    /// may store them and serve them to others.
    ///
    /// # Security
    ///
    /// Use it only for content that is the same for every client. Otherwise one client's data is
    /// served to another.
    pub const fn dangerously_shared_when_authenticated(mut self) -> Self {
        self.plan.shared_when_authenticated = true;
        self
    }

    fn of(plan: StatusPolicy, statuses: Vec<(StatusCode, StatusPolicy)>) -> Self {
        Self {
            plan,
            statuses,
            said: PhantomData,
        }
    }

    fn with<V2, F2, S2>(mut self, name: Name, argument: Argument) -> CacheControl<V2, F2, S2> {
        self.plan.own.set(name, argument);
        CacheControl::of(self.plan, self.statuses)
    }

    fn with_fields(self, name: Name, fields: impl IntoIterator<Item = HeaderName>) -> Self {
        let mut names: Vec<HeaderName> = Vec::new();
        for field in fields {
            if !names.contains(&field) {
                names.push(field);
            }
        }
        if names.is_empty() {
            return self;
        }
        self.with(name, Argument::Fields(names))
    }
}

/// Parses a policy from a configuration file.
///
/// Restrictions do not contradict each other, so `private, no-store` and the longer lists that
/// frameworks write are accepted; empty elements are skipped, and unknown directives are kept as
/// [extensions](CacheControl::extension).
///
/// # Errors
///
/// - a directive that is repeated, or that allows what another forbids, such as
///   `no-store, max-age=60`;
/// - a form that RFC 9111 tells senders not to generate;
/// - a name that differs from a standard directive only by hyphens, such as `nostore`, or that of a
///   request directive;
/// - no directive at all.
///
/// # Example
///
/// ```
/// use wythe::CacheControl;
///
/// let policy: CacheControl = "private, no-cache, no-store, max-age=0, must-revalidate".parse()?;
/// assert!("no-store, max-age=60".parse::<CacheControl>().is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
impl FromStr for CacheControl {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let own = Directives::parse(text)?;
        let plan = StatusPolicy {
            own,
            ..StatusPolicy::default()
        };
        Ok(Self::of(plan, Vec::new()))
    }
}

/// The value of the `Cache-Control` field; empty if there are no directives.
impl<V, F, S> fmt::Display for CacheControl<V, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.own.fmt(f)
    }
}

impl<V, F, S> fmt::Debug for CacheControl<V, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheControl({:?}", self.plan.own.to_string())?;
        if !self.plan.cdn.is_empty() {
            write!(f, ", cdn: {:?}", self.plan.cdn.to_string())?;
        }
        for (status, plan) in &self.statuses {
            write!(f, ", {}: {:?}", status.as_str(), plan.own.to_string())?;
        }
        f.write_str(")")
    }
}

impl<V, F, S> Clone for CacheControl<V, F, S> {
    fn clone(&self) -> Self {
        Self::of(self.plan.clone(), self.statuses.clone())
    }
}

fn seconds(time: Duration) -> Argument {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(MAX_SECONDS);
    Argument::Seconds(seconds.min(MAX_SECONDS))
}
