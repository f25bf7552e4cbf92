//! Finds the key whose requests are counted together.

use std::{
    fmt,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
};

use http::{StatusCode, request::Parts};

use crate::{
    describe::Description,
    peer::peer_addr,
    problem::Problem,
    stage::{self, Stage},
};

/// Finds the key whose requests are counted together, for [`Quotas::keyed`](super::Quotas::keyed).
///
/// A closure does as well, see [`Quotas::by`](super::Quotas::by); this trait is for keys that are
/// used by many limits, refuse requests without one, or need what another layer provides.
///
/// # Example: one budget for each tenant, refused without one
///
/// ```
/// use http::{StatusCode, request::Parts};
/// use wythe::{Needed, Problem, Quota, RateLimit, rate_limit::Key, stage, with_rate_limit};
///
/// #[derive(Clone, PartialEq, Eq, Hash)]
/// struct Tenant(u64);
///
/// struct ByTenant;
///
/// impl Key for ByTenant {
///     type Value = Tenant;
///     type Stage = stage::Quota;
///     type Needs = Needed<Tenant>;
///
///     fn of(&self, head: &Parts) -> Result<Tenant, Problem> {
///         head.extensions
///             .get()
///             .cloned()
///             .ok_or_else(|| Problem::internal("no layer has left the tenant"))
///     }
/// }
///
/// let layer = with_rate_limit(RateLimit::of([Quota::per_minute(600)])?.keyed(ByTenant));
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub trait Key: Send + Sync + 'static {
    /// The key. It is kept as long as its quotas are not whole, so it should be small.
    type Value: Hash + Eq + Send + Sync + 'static;
    /// Where a limit by this key stands: [`stage::Throttle`], or [`stage::Quota`] if the key is
    /// known only after authentication.
    type Stage: Stage;
    /// What another layer must provide: `()`, or [`Needed<X>`](crate::Needed).
    type Needs;

    /// The key of a request, or the answer to a request that has none.
    ///
    /// # Errors
    ///
    /// If the request has no key. It is answered with the problem, never let through unlimited.
    fn of(&self, head: &Parts) -> Result<Self::Value, Problem>;

    /// Adds to the layer's description what a request without a key is answered.
    fn describe(&self, layer: Description) -> Description {
        layer
    }
}

/// Counts by the address of the peer; made by [`Quotas::by_peer`](super::Quotas::by_peer).
#[derive(Clone, Copy, Debug)]
pub struct ByPeer {
    pub(super) ipv6_prefix: u8,
}

const NO_PEER: &str = "with_rate_limit counts by the address of the peer, but the request has \
    none: serve an axum router with `into_make_service_with_connect_info::<SocketAddr>()`, or \
    insert a `wythe::PeerAddr` into the extensions of each request";

impl Key for ByPeer {
    type Value = PeerKey;
    type Stage = stage::Throttle;
    type Needs = ();

    fn of(&self, head: &Parts) -> Result<PeerKey, Problem> {
        let Some(peer) = peer_addr(&head.extensions) else {
            return Err(Problem::internal(NO_PEER));
        };
        Ok(PeerKey::new(peer.ip(), self.ipv6_prefix))
    }

    fn describe(&self, layer: Description) -> Description {
        layer.answers(
            StatusCode::INTERNAL_SERVER_ERROR,
            "when the server does not say who the peer is",
        )
    }
}

/// An IPv4 address, or the network of an IPv6 address.
///
/// It does not show which when it is printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerKey(u128);

impl PeerKey {
    fn new(address: IpAddr, ipv6_prefix: u8) -> Self {
        // An IPv4 client of a dual-stack socket has a mapped address; unfolded, all of them would
        // be in one IPv6 network.
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => network(address, ipv6_prefix),
        })
    }
}

fn network(address: Ipv6Addr, prefix: u8) -> u128 {
    let host_bits = 128_u32.saturating_sub(u32::from(prefix));
    address.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or_default()
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerKey(..)")
    }
}

/// Counts by what a closure returns; made by [`Quotas::by`](super::Quotas::by).
#[derive(Clone, Copy)]
pub struct By<F>(pub(super) F);

impl<F, V> Key for By<F>
where
    F: Fn(&Parts) -> V + Send + Sync + 'static,
    V: Hash + Eq + Send + Sync + 'static,
{
    type Value = V;
    type Stage = stage::Throttle;
    type Needs = ();

    fn of(&self, head: &Parts) -> Result<V, Problem> {
        Ok((self.0)(head))
    }
}

impl<F> fmt::Debug for By<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("By(..)")
    }
}

/// Counts by the same key, inside authentication; made by
/// [`RateLimit::after_auth`](super::RateLimit::after_auth).
#[derive(Clone, Copy, Debug)]
pub struct AfterAuth<K>(pub(super) K);

impl<K: Key> Key for AfterAuth<K> {
    type Value = K::Value;
    type Stage = stage::Quota;
    type Needs = K::Needs;

    fn of(&self, head: &Parts) -> Result<K::Value, Problem> {
        self.0.of(head)
    }
}

#[cfg(test)]
mod tests {
    use super::PeerKey;

    #[test]
    fn addresses_of_one_client_have_one_key() {
        let cases = [
            ("203.0.113.9", "203.0.113.9", 64, true),
            ("203.0.113.9", "203.0.113.10", 64, false),
            ("203.0.113.9", "::ffff:203.0.113.9", 64, true),
            ("::ffff:203.0.113.9", "::ffff:203.0.113.10", 64, false),
            ("::ffff:203.0.113.9", "::ffff:203.0.113.9", 1, true),
            ("2001:db8::1", "2001:db8::ffff:0:0:1", 64, true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", 64, false),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", 48, true),
            ("2001:db8::1", "2001:db8::2", 128, false),
            ("2001:db8::1", "2001:db8::1", 128, true),
            ("2001:db8::1", "3fff::1", 1, true),
            ("2001:db8::1", "fe80::1", 1, false),
            ("::", "0.0.0.0", 64, false),
            ("::1", "0.0.0.1", 64, false),
        ];
        for (one, other, prefix, same) in cases {
            let key = |text: &str| PeerKey::new(text.parse().unwrap(), prefix);
            assert_eq!(key(one) == key(other), same, "{one} {other} /{prefix}");
        }
    }
}
