//! Builds a limit: its quotas, its key, how clients are told of it.

use std::{fmt, sync::Arc, time::Duration};

use http::request::Parts;

use super::{
    clock::Clock,
    fields::RateLimitFields,
    quota::Quota,
    rule::{MOST_QUOTAS, Rule, error},
    store::Capacity,
};
use crate::{
    config_error::ConfigError,
    field::structured,
    key::{AfterAuth, By, ByPeer, Key, KeyPart},
};

/// One or more quotas that were checked; made by [`RateLimit::of`]. What is missing is the key.
#[derive(Clone, Debug)]
#[must_use]
pub struct Quotas(Arc<[Rule]>);

/// A limit on requests by key: the policy of [`with_rate_limit`](super::with_rate_limit).
///
/// # Example
///
/// ```
/// use wythe::{Quota, RateLimit, with_rate_limit};
///
/// let limit = RateLimit::of([
///     Quota::per_second(5).burst(10).named("burst"),
///     Quota::per_day(1_000).named("daily"),
/// ])?;
/// let layer = with_rate_limit(limit.by_peer().ipv6_prefix(56)?);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct RateLimit<K> {
    pub(super) rules: Arc<[Rule]>,
    pub(super) key: K,
    pub(super) fields: RateLimitFields,
    pub(super) clock: Clock,
    pub(super) capacity: Capacity,
}

impl RateLimit<()> {
    /// Limits by one to eight quotas together: a request that one of them refuses is not counted
    /// by the others.
    ///
    /// # Errors
    ///
    /// - no quota, or more than eight;
    /// - a count, burst or period of zero;
    /// - a period that no clock can measure: more than one request a nanosecond, or a burst that
    ///   takes more than 146 years to come back;
    /// - two quotas of one name: all but one need [`Quota::named`];
    /// - a name that is empty or has other characters than printable ASCII, as it is written into
    ///   header fields.
    pub fn of(quotas: impl IntoIterator<Item = Quota>) -> Result<Quotas, ConfigError> {
        let rules: Vec<_> = quotas
            .into_iter()
            .map(Rule::new)
            .collect::<Result<_, _>>()?;
        if rules.is_empty() {
            return Err(error("a limit without a quota would limit nothing"));
        }
        if rules.len() > MOST_QUOTAS {
            return Err(error(format!("a limit has at most {MOST_QUOTAS} quotas")));
        }
        for (n, rule) in rules.iter().enumerate() {
            let name = rule.name();
            if name.is_empty() || structured::string(name).is_none() {
                return Err(error(format!(
                    "the name {name:?} cannot stand in a header field: use printable ASCII"
                )));
            }
            if rules
                .iter()
                .skip(n.saturating_add(1))
                .any(|other| other.name() == name)
            {
                return Err(error(format!(
                    "two quotas have the name {name:?}: tell them apart with `.named(..)`"
                )));
            }
        }
        Ok(Quotas(rules.into()))
    }
}

impl Quotas {
    /// Counts by the address of the peer, the other end of the connection.
    ///
    /// It is found in the extensions of the request: as axum's `ConnectInfo<SocketAddr>` or as
    /// [`PeerAddr`](crate::PeerAddr). Without it the answer is a 500 whose cause, in the log,
    /// says what to do. IPv4 addresses mapped into IPv6 count as IPv4; of IPv6 addresses the /64
    /// network counts, see [`ipv6_prefix`](RateLimit::ipv6_prefix).
    ///
    /// # Security
    ///
    /// Behind a proxy the peer is the proxy: all of its clients share one quota.
    pub fn by_peer(self) -> RateLimit<ByPeer> {
        self.keyed(ByPeer { ipv6_prefix: 64 })
    }

    /// Counts by what a closure makes of the head of the request.
    ///
    /// Requests for which it returns the same value are counted together. `Option` is a value
    /// like any other: all requests without a key share one quota and are never let through
    /// unlimited.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{Quota, with_rate_limit};
    ///
    /// // All requests to one path together.
    /// let layer = with_rate_limit(Quota::per_second(50).by(|head| head.uri.path().to_owned())?);
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Security
    ///
    /// A client that can choose its key has as many quotas as it likes, and fills the memory with
    /// keys: do not use a header field that nobody has verified.
    pub fn by<F, V>(self, key: F) -> RateLimit<By<F>>
    where
        F: Fn(&Parts) -> V + Send + Sync + 'static,
        V: KeyPart,
    {
        self.keyed(By(key))
    }

    /// Counts by a [`Key`] of your own.
    pub fn keyed<K: Key>(self, key: K) -> RateLimit<K> {
        RateLimit {
            rules: self.0,
            key,
            fields: RateLimitFields::Draft,
            clock: Clock::monotonic(),
            capacity: Capacity::default(),
        }
    }
}

impl RateLimit<ByPeer> {
    /// The bits of an IPv6 address that count, 64 unless told: the least that a provider gives to
    /// one customer, who has all the addresses in it.
    ///
    /// # Errors
    ///
    /// If it is not 1 to 128.
    pub fn ipv6_prefix(mut self, bits: u8) -> Result<Self, ConfigError> {
        if !(1..=128).contains(&bits) {
            return Err(ConfigError::new(
                "RateLimit",
                format!("an IPv6 prefix has 1 to 128 bits, not {bits}"),
            ));
        }
        self.key.ipv6_prefix = bits;
        Ok(self)
    }
}

impl<K: Key> RateLimit<K> {
    /// How clients are told what they have left.
    pub const fn fields(mut self, fields: RateLimitFields) -> Self {
        self.fields = fields;
        self
    }

    /// Stands inside authentication, at stage [`Quota`](crate::stage::Quota), because the key is
    /// made from what is known only there.
    pub fn after_auth(self) -> RateLimit<AfterAuth<K>> {
        RateLimit {
            rules: self.rules,
            key: AfterAuth(self.key),
            fields: self.fields,
            clock: self.clock,
            capacity: self.capacity,
        }
    }

    /// Goes by another clock: the time since any moment that stays the same. For tests; the
    /// system's monotonic clock unless told.
    ///
    /// While such a clock goes back, quotas do not refill; nobody waits longer than one whole
    /// quota takes to come back.
    pub fn clock(mut self, now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Clock::Given(Arc::new(now));
        self
    }
}

impl<K> fmt::Debug for RateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("quotas", &self.rules)
            .field("fields", &self.fields)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}
