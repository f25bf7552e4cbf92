//! Keys from addresses: the peer's, the client's.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use http::{StatusCode, request::Parts};

use super::{Key, KeyPart, KeyWriter};
use crate::{
    contract::{Description, Needed, description::Answer, stage},
    request::{ClientIp, NO_PEER_ADDR, peer_addr},
    wire::{ConfigError, Problem},
};

/// Counts by the address of the peer, the other end of the connection.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ByPeer {
    ipv6_prefix: u8,
}

/// Counts by the address that `with_client_ip` provides.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct ByClientIp {
    ipv6_prefix: u8,
}

/// Counts by the address of the peer, the other end of the connection.
///
/// The address is found in the extensions of the request: as axum's `ConnectInfo<SocketAddr>` or as
/// [`PeerAddr`](crate::PeerAddr). Without it the answer is a 500 whose cause, in the log, says what to
/// do. IPv4 addresses mapped into IPv6 count as IPv4; IPv6 addresses count by their /64 network, see
/// [`ByPeer::ipv6_prefix`].
///
/// # Security
///
/// Behind a proxy the peer is the proxy, and all of its clients have one key.
pub const fn peer() -> ByPeer {
    ByPeer { ipv6_prefix: 64 }
}

/// Counts by the address that `with_client_ip` provides: the peer's, or what a trusted proxy says.
/// IPv6 addresses count by their /64 network, see [`ByClientIp::ipv6_prefix`].
pub const fn client_ip() -> ByClientIp {
    ByClientIp { ipv6_prefix: 64 }
}

macro_rules! address_keys {
    ($($key:ident)*) => {$(
        impl $key {
            /// How many bits of an IPv6 address count.
            ///
            /// # Errors
            ///
            /// If it is not 1 to 128.
            pub fn ipv6_prefix(self, bits: u8) -> Result<Self, ConfigError> {
                if !(1..=128).contains(&bits) {
                    let message = format!("an IPv6 prefix has 1 to 128 bits, not {bits}");
                    return Err(ConfigError::new("Key", message));
                }
                Ok(Self { ipv6_prefix: bits })
            }
        }
    )*};
}
address_keys!(ByPeer ByClientIp);

const NO_CLIENT_IP: &str = "a limit counts by the address of the client, but the request has none: \
    list `with_client_ip(..)` before it, in the same stack or around the whole router";

impl Key for ByPeer {
    type Value = AddressPart;
    type Stage = stage::Throttle;
    type Needs = ();

    fn of(&self, head: &mut Parts) -> Result<AddressPart, Problem> {
        let peer =
            peer_addr(&head.extensions).ok_or_else(|| Problem::misconfigured(NO_PEER_ADDR))?;
        Ok(AddressPart::new(peer.ip(), self.ipv6_prefix))
    }

    fn describe(&self, layer: Description) -> Description {
        let without_peer = Answer::new(StatusCode::INTERNAL_SERVER_ERROR)
            .when("when the server does not provide the address of the peer");
        layer.counted_by("peer address").answer(without_peer)
    }
}

impl Key for ByClientIp {
    type Value = AddressPart;
    type Stage = stage::Throttle;
    type Needs = Needed<ClientIp>;

    fn of(&self, head: &mut Parts) -> Result<AddressPart, Problem> {
        let client: Option<&ClientIp> = head.extensions.get();
        let ClientIp(address) = client.ok_or_else(|| Problem::misconfigured(NO_CLIENT_IP))?;
        Ok(AddressPart::new(*address, self.ipv6_prefix))
    }

    fn describe(&self, layer: Description) -> Description {
        layer.counted_by("client address")
    }
}

/// An IPv4 address, or the network of an IPv6 address.
///
/// `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressPart(u128);

impl AddressPart {
    /// The address, or the first `ipv6_prefix` bits of an IPv6 address.
    #[must_use]
    pub fn new(address: IpAddr, ipv6_prefix: u8) -> Self {
        // An IPv4 client of a dual-stack socket has a mapped address; unfolded, all of them would
        // be in one IPv6 network.
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => network(address, ipv6_prefix),
        })
    }
}

/// By /64 for IPv6, as limits do by default.
impl From<IpAddr> for AddressPart {
    fn from(address: IpAddr) -> Self {
        Self::new(address, 64)
    }
}

impl KeyPart for AddressPart {
    fn write(&self, key: &mut KeyWriter<'_>) {
        key.address(&self.0.to_be_bytes());
    }
}

fn network(address: Ipv6Addr, prefix: u8) -> u128 {
    let host_bits = 128_u32.saturating_sub(u32::from(prefix));
    address.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or_default()
}

impl fmt::Debug for AddressPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressPart(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::AddressPart;

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
            let key = |text: &str| AddressPart::new(text.parse().unwrap(), prefix);
            assert_eq!(key(one) == key(other), same, "{one} {other} /{prefix}");
        }
    }
}
