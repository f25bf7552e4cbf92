//! Reads networks of addresses (CIDR, RFC 4632), for policies that list some.
//!
//! A list may hold texts (`"10.0.0.0/8"`, or one address: `"192.0.2.7"`), addresses of
//! [`std::net`] and networks of [`ipnet`]: see [`IntoNetwork`].

mod set;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

pub(crate) use self::set::Networks;
use crate::wire::ConfigError;

/// The networks that no one on the internet has an address of: loopback (`127.0.0.0/8`, `::1`),
/// private IPv4 (`10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, RFC 1918) and unique local IPv6
/// (`fc00::/7`, RFC 4193).
///
/// Link-local addresses are not among them, nor is `100.64.0.0/10` (RFC 6598), which some
/// providers give to containers, and others to customers.
///
/// # Security
///
/// As trusted proxies these are all machines of your network, not only the proxies: each of them
/// can say of a request that it comes from wherever it likes.
#[must_use]
pub fn private_networks() -> [IpNet; 6] {
    let v4 = |a, b, prefix| Ipv4Net::new_assert(Ipv4Addr::new(a, b, 0, 0), prefix).into();
    [
        v4(127, 0, 8),
        v4(10, 0, 8),
        v4(172, 16, 12),
        v4(192, 168, 16),
        Ipv6Net::from(Ipv6Addr::LOCALHOST).into(),
        Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7).into(),
    ]
}

/// What can stand in a list of networks.
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
/// // One address, or the network? The text says both.
/// assert!("10.1.2.3/8".into_network().is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no network of addresses",
    label = "not a network",
    note = "list texts such as \"10.0.0.0/8\", `std::net::IpAddr` or `ipnet::IpNet`"
)]
pub trait IntoNetwork {
    /// The network. One of IPv4 that is mapped into IPv6 becomes one of IPv4.
    ///
    /// # Errors
    ///
    /// If it is no network, or one with bits set beside its prefix: `10.1.2.3/8` is either
    /// `10.0.0.0/8` or `10.1.2.3/32`.
    fn into_network(self) -> Result<IpNet, ConfigError>;
}

impl IntoNetwork for &str {
    fn into_network(self) -> Result<IpNet, ConfigError> {
        if let Ok(address) = self.parse::<IpAddr>() {
            return address.into_network();
        }
        let network: IpNet = self
            .parse()
            .map_err(|source| error(self, "write 10.0.0.0/8 or 2001:db8::/32").because(source))?;
        network.into_network()
    }
}

impl IntoNetwork for IpNet {
    fn into_network(self) -> Result<IpNet, ConfigError> {
        let prefix = self.prefix_len();
        if self.addr() != self.network() {
            let (network, address) = (self.trunc(), Self::from(self.addr()));
            let why = format!("it is either {network} or {address}");
            return Err(error(self, &why));
        }
        // Addresses are unfolded before they are looked up, so networks are as well.
        if let (IpAddr::V6(address), Some(prefix)) = (self.addr(), prefix.checked_sub(96))
            && let Some(address) = address.to_ipv4_mapped()
        {
            let network = Ipv4Net::new(address, prefix);
            return network
                .map(Self::from)
                .map_err(|source| error(self, "no prefix").because(source));
        }
        Ok(self)
    }
}

macro_rules! as_other {
    ($($type:ty: $value:ident => $other:expr;)*) => {$(
        impl IntoNetwork for $type {
            fn into_network(self) -> Result<IpNet, ConfigError> {
                let $value = self;
                $other.into_network()
            }
        }
    )*};
}
as_other! {
    String: text => text.as_str();
    &String: text => text.as_str();
    &&str: text => *text;
    &IpNet: network => *network;
    Ipv4Net: network => IpNet::from(network);
    Ipv6Net: network => IpNet::from(network);
    IpAddr: address => IpNet::from(address);
    &IpAddr: address => IpNet::from(*address);
    Ipv4Addr: address => IpAddr::from(address);
    Ipv6Addr: address => IpAddr::from(address);
}

fn error(network: impl fmt::Display, why: &str) -> ConfigError {
    ConfigError::new("Network", format!("{network} is no network: {why}"))
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
            "Network: 10.1.2.3/8 is no network: it is either 10.0.0.0/8 or 10.1.2.3/32"
        );
    }

    #[test]
    fn the_private_networks_are_networks() {
        for network in private_networks() {
            assert_eq!(network.into_network().unwrap(), network);
        }
    }
}
