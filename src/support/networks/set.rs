//! A set of networks, in which an address is looked up by binary search.
//!
//! IPv4 and IPv6 are kept apart, each as sorted spans of addresses that do not touch.

use std::net::IpAddr;

use ipnet::IpNet;

use super::IntoNetwork;
use crate::wire::ConfigError;

/// A set of networks.
#[derive(Clone, Default)]
pub(crate) struct Networks {
    v4: Spans<u32>,
    v6: Spans<u128>,
    listed: usize,
}

impl Networks {
    /// The networks of a list.
    pub(crate) fn from_list<I>(list: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let mut all = Self::default();
        all.add(list)?;
        Ok(all)
    }

    /// The networks of the proxies that a policy trusts; `without` says what to write without a proxy.
    pub(crate) fn of_proxies<I>(
        list: I,
        policy: &'static str,
        without: &str,
    ) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let proxies = Self::from_list(list)?;
        if proxies.listed() == 0 {
            let reason = format!("the list of proxies is empty: without a proxy, {without}");
            return Err(ConfigError::new(policy, reason));
        }
        if proxies.has_every_address() {
            return Err(ConfigError::new(
                policy,
                "every address is trusted, so clients could send the field themselves: list only the \
                 networks of the proxies",
            ));
        }
        Ok(proxies)
    }

    pub(crate) fn add<I>(&mut self, list: I) -> Result<(), ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        for network in list {
            match network.into_network()?.0 {
                IpNet::V4(network) => {
                    let span = (network.network().to_bits(), network.broadcast().to_bits());
                    self.v4.0.push(span);
                }
                IpNet::V6(network) => {
                    let span = (network.network().to_bits(), network.broadcast().to_bits());
                    self.v6.0.push(span);
                }
            }
            self.listed = self.listed.saturating_add(1);
        }
        self.v4.merge(|last| last.checked_add(1));
        self.v6.merge(|last| last.checked_add(1));
        Ok(())
    }

    /// How many networks were listed, before those that touch were merged.
    pub(crate) const fn listed(&self) -> usize {
        self.listed
    }

    /// Whether it has every IPv4 address, or every IPv6 address.
    pub(crate) fn has_every_address(&self) -> bool {
        self.v4.0 == [(0, u32::MAX)] || self.v6.0 == [(0, u128::MAX)]
    }

    /// Whether it has the address, which must not be an IPv4-mapped IPv6 address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(address.to_bits()),
            IpAddr::V6(address) => self.v6.contains(address.to_bits()),
        }
    }
}

/// First and last address of each span.
#[derive(Clone, Default)]
struct Spans<A>(Vec<(A, A)>);

impl<A: Copy + Ord> Spans<A> {
    fn merge(&mut self, next: impl Fn(A) -> Option<A>) {
        self.0.sort_unstable();
        // The last address of what was merged so far; `dedup_by` keeps the earlier of two.
        self.0.dedup_by(|(first, last), (_, so_far)| {
            let touches = next(*so_far).is_none_or(|next| *first <= next);
            if touches {
                *so_far = (*so_far).max(*last);
            }
            touches
        });
        self.0.shrink_to_fit();
    }

    fn contains(&self, address: A) -> bool {
        let index = self.0.partition_point(|(_, last)| *last < address);
        self.0
            .get(index)
            .is_some_and(|(first, _)| *first <= address)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use ipnet::{IpNet, Ipv4Net, Ipv6Net};
    use proptest::prelude::*;

    use super::Networks;
    use crate::support::networks::Network;

    #[test]
    fn networks_that_touch_become_one_span() {
        let cases: &[(&str, &[&str], usize, usize)] = &[
            ("one", &["10.0.0.0/8"], 1, 0),
            ("twice the same", &["10.0.0.0/8", "10.0.0.0/8"], 1, 0),
            ("one in another", &["10.0.0.0/8", "10.1.0.0/16"], 1, 0),
            ("two halves", &["10.128.0.0/9", "10.0.0.0/9"], 1, 0),
            ("a gap", &["10.0.0.0/24", "10.0.2.0/24"], 2, 0),
            ("up to the end", &["255.0.0.0/8", "255.255.255.255"], 1, 0),
            ("both families", &["::/1", "8000::/1", "0.0.0.0"], 1, 1),
        ];
        for (name, list, v4, v6) in cases {
            let set = Networks::from_list(*list).unwrap();
            assert_eq!((set.v4.0.len(), set.v6.0.len()), (*v4, *v6), "{name}");
            assert_eq!(set.listed(), list.len(), "{name}");
        }
    }

    fn network() -> impl Strategy<Value = IpNet> {
        // Near each other, so that many touch, also at both ends.
        let bits = prop_oneof![0..64_u32, (u32::MAX - 63)..=u32::MAX];
        (bits, 24..=32_u8, any::<bool>()).prop_map(|(bits, prefix, v6)| {
            let network: IpNet = if v6 {
                let bits = u128::from(bits) | u128::MAX << 32;
                let bits = if bits.count_ones() > 100 {
                    bits
                } else {
                    bits & 63
                };
                Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), prefix + 96).into()
            } else {
                Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), prefix).into()
            };
            network.trunc()
        })
    }

    proptest! {
        #[test]
        fn an_address_is_in_the_set_if_it_is_in_one_network(
            list in prop::collection::vec(network(), 0..12),
            address in network(),
        ) {
            let set = Networks::from_list(list.iter().map(|network| Network(*network))).unwrap();
            let expected = |address: IpAddr| list.iter().any(|network| network.contains(&address));
            for address in [address.network(), address.broadcast()] {
                prop_assert_eq!(set.contains(address), expected(address));
            }
            for network in &list {
                prop_assert!(set.contains(network.network()) && set.contains(network.broadcast()));
            }
        }
    }
}
