//! Chooses the key of a limit: by whom requests are counted.

use http::request::Parts;

use super::{
    policy::{Options, Quotas, RateLimit},
    quota::Quota,
};
use crate::{
    config_error::ConfigError,
    key::{AfterAuth, By, ByPeer, Key, KeyPart},
};

impl Quota {
    /// Counts by the address of the peer; see [`Quotas::by_peer`](super::Quotas::by_peer).
    ///
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    pub fn by_peer(self) -> Result<RateLimit<ByPeer>, ConfigError> {
        Ok(RateLimit::of([self])?.by_peer())
    }

    /// Counts by what a closure returns; see [`Quotas::by`](super::Quotas::by).
    ///
    /// # Errors
    ///
    /// If the quota is impossible; see [`RateLimit::of`].
    pub fn by<F, V>(self, key: F) -> Result<RateLimit<By<F>>, ConfigError>
    where
        F: Fn(&Parts) -> V + Send + Sync + 'static,
        V: KeyPart,
    {
        Ok(RateLimit::of([self])?.by(key))
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
            key,
            options: Options::new(self.0),
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
    /// Stands inside authentication, at stage [`Quota`](crate::stage::Quota), because the key is
    /// made from what is known only there.
    pub fn after_auth(self) -> RateLimit<AfterAuth<K>> {
        RateLimit {
            key: AfterAuth(self.key),
            options: self.options,
        }
    }
}
