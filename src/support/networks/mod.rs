//! IP networks (CIDR, RFC 4632), for policies that list some.
//!
//! A list may contain strings (`"10.0.0.0/8"`, or a single address: `"192.0.2.7"`), addresses of
//! [`std::net`] and [`Network`]s: see [`IntoNetwork`].

mod set;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

pub(crate) use self::set::Networks;
use crate::wire::ConfigError;

/// An IP network: `10.0.0.0/8`, `2001:db8::/32`.
///
/// It has no host bits, and a network of IPv4-mapped IPv6 addresses is an IPv4 network.
///
/// # Example
///
/// ```
/// use std::net::Ipv4Addr;
///
/// use wythe::networks::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains(Ipv4Addr::new(10, 1, 2, 3)));
/// assert_eq!(network.to_string(), "10.0.0.0/8");
/// assert_eq!(Network::new(Ipv4Addr::new(10, 0, 0, 0), 8)?, network);
/// assert_eq!(Network::from(Ipv4Addr::LOCALHOST).to_string(), "127.0.0.1/32");
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// The network of this address with a prefix of this length, in bits.
    ///
    /// # Errors
    ///
    /// The prefix is too long, or the address has bits set outside of it.
    pub fn new(address: impl Into<IpAddr>, prefix: u8) -> Result<Self, ConfigError> {
        let address = address.into();
        let network = IpNet::new(address, prefix).map_err(|source| {
            error(format_args!("{address}/{prefix}"), "the prefix is too long").because(source)
        })?;
        Self::checked(network)
    }

    /// Its first address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.0.addr()
    }

    /// The length of its prefix, in bits.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether the address is in the network.
    #[must_use]
    pub fn contains(&self, address: impl Into<IpAddr>) -> bool {
        self.0.contains(&address.into().to_canonical())
    }

    fn checked(network: IpNet) -> Result<Self, ConfigError> {
        let prefix = network.prefix_len();
        if network.addr() != network.network() {
            let (truncated, address) = (network.trunc(), IpNet::from(network.addr()));
            let reason = format!("write either {truncated} or {address}");
            return Err(error(network, &reason));
        }
        // Mapped addresses become IPv4 addresses before they are looked up, and so do networks.
        if let (IpAddr::V6(address), Some(prefix)) = (network.addr(), prefix.checked_sub(96))
            && let Some(address) = address.to_ipv4_mapped()
        {
            return Ipv4Net::new(address, prefix)
                .map(|network| Self(network.into()))
                .map_err(|source| error(network, "the prefix is too long").because(source));
        }
        Ok(Self(network))
    }
}

/// Parses a network, or a single address.
impl FromStr for Network {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        let network: IpNet = text.parse().map_err(|source| {
            error(text, "write it as 10.0.0.0/8 or 2001:db8::/32").because(source)
        })?;
        Self::checked(network)
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical().into())
    }
}

impl From<Ipv4Addr> for Network {
    fn from(address: Ipv4Addr) -> Self {
        IpAddr::from(address).into()
    }
}

impl From<Ipv6Addr> for Network {
    fn from(address: Ipv6Addr) -> Self {
        IpAddr::from(address).into()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The networks whose addresses are not reachable from the internet: loopback (`127.0.0.0/8`,
/// `::1`), private IPv4 (`10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, RFC 1918) and unique
/// local IPv6 (`fc00::/7`, RFC 4193).
///
/// They do not include link-local addresses and `100.64.0.0/10` (RFC 6598), which some providers
/// assign to containers, and others to customers.
///
/// # Security
///
/// If these are the trusted proxies, every machine in your network is one, not only the proxies: each
/// can claim any address for a request.
#[must_use]
pub fn private_networks() -> [Network; 6] {
    let v4 = |a, b, prefix| Network(Ipv4Net::new_assert(Ipv4Addr::new(a, b, 0, 0), prefix).into());
    [
        v4(127, 0, 8),
        v4(10, 0, 8),
        v4(172, 16, 12),
        v4(192, 168, 16),
        Network::from(Ipv6Addr::LOCALHOST),
        Network(Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7).into()),
    ]
}

/// An element of a list of networks: a string, an address, or a [`Network`].
///
/// # Example
///
/// ```
/// use wythe::networks::IntoNetwork;
///
/// assert_eq!("10.0.0.0/8".into_network()?.to_string(), "10.0.0.0/8");
/// assert_eq!("192.0.2.7".into_network()?.to_string(), "192.0.2.7/32");
/// assert_eq!("::ffff:10.0.0.0/104".into_network()?.to_string(), "10.0.0.0/8");
///
/// // One address, or the network? The string is ambiguous.
/// assert!("10.1.2.3/8".into_network().is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a network of addresses",
    label = "not a network",
    note = "use a string such as \"10.0.0.0/8\", a `std::net::IpAddr` or a \
            `wythe::networks::Network`"
)]
pub trait IntoNetwork {
    /// The network. A network of IPv4-mapped IPv6 addresses becomes an IPv4 network.
    ///
    /// # Errors
    ///
    /// It is not a network, or it has bits set outside of its prefix: `10.1.2.3/8` is either
    /// `10.0.0.0/8` or `10.1.2.3/32`.
    fn into_network(self) -> Result<Network, ConfigError>;
}

macro_rules! into_network {
    ($($type:ty: $value:ident => $network:expr;)*) => {$(
        impl IntoNetwork for $type {
            fn into_network(self) -> Result<Network, ConfigError> {
                let $value = self;
                $network
            }
        }
    )*};
}
into_network! {
    &str: text => text.parse();
    &&str: text => text.parse();
    String: text => text.parse();
    &String: text => text.parse();
    Network: network => Ok(network);
    &Network: network => Ok(*network);
    IpAddr: address => Ok(address.into());
    &IpAddr: address => Ok((*address).into());
    Ipv4Addr: address => Ok(address.into());
    Ipv6Addr: address => Ok(address.into());
}

fn error(network: impl fmt::Display, reason: &str) -> ConfigError {
    ConfigError::new("Network", format!("{network} is not a network: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::{IntoNetwork, private_networks};

    #[test]
    fn reads_networks_and_addresses() {
        let cases = [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("192.0.2.7", Some("192.0.2.7/32")),
            ("192.0.2.7/32", Some("192.0.2.7/32")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("2001:db8::1", Some("2001:db8::1/128")),
            ("2001:DB8:0::/48", Some("2001:db8::/48")),
            ("::ffff:192.0.2.7", Some("192.0.2.7/32")),
            ("::ffff:192.0.2.0/120", Some("192.0.2.0/24")),
            ("::ffff:0:0/96", Some("0.0.0.0/0")),
            ("::/64", Some("::/64")),
            ("10.0.0.1/8", None),
            ("2001:db8::1/32", None),
            ("::ffff:192.0.2.7/120", None),
            ("10.0.0.0/33", None),
            ("2001:db8::/129", None),
            ("10.0.0.0/255.0.0.0", None),
            ("10.0.0.0/", None),
            ("10/8", None),
            (" 10.0.0.0/8", None),
            ("fe80::1%eth0", None),
            ("[::1]", None),
            ("10.0.0.0/8, 192.168.0.0/16", None),
            ("localhost", None),
            ("", None),
        ];
        for (text, network) in cases {
            let read = text.into_network().ok().map(|network| network.to_string());
            assert_eq!(read.as_deref(), network, "{text:?}");
        }
    }

    #[test]
    fn says_what_a_network_with_host_bits_may_mean() {
        let error = "10.1.2.3/8".into_network().unwrap_err();
        assert_eq!(
            error.to_string(),
            "Network: 10.1.2.3/8 is not a network: write either 10.0.0.0/8 or 10.1.2.3/32"
        );
    }

    #[test]
    fn the_private_networks_are_networks() {
        for network in private_networks() {
            assert_eq!(network.to_string().into_network().unwrap(), network);
        }
    }
}
