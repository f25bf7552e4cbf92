//! Finds the address of the client, or says why it is not known.
//!
//! An entry of a list is read only if a trusted proxy has written it: from the right, up to the first
//! address that is not a proxy's. The client may have written the entries further left, so they are
//! never read.

use std::{fmt, net::IpAddr};

use http::{HeaderMap, HeaderName};

use crate::{
    request::NO_PEER_ADDR,
    support::networks::Networks,
    wire::field::{
        forwarded,
        forwarded_for::{self, Node},
    },
};

pub(super) const X_FORWARDED_FOR: &str = "x-forwarded-for";
pub(super) const FORWARDED: &str = "forwarded";

/// Where to find the address.
pub(super) enum AddressField {
    Peer,
    Header(HeaderName),
    List(ListField, ProxyHops),
}

/// A field to which each proxy appends.
#[derive(Clone, Copy)]
pub(super) enum ListField {
    XForwardedFor,
    Forwarded,
}

/// Which entries are proxies.
pub(super) enum ProxyHops {
    /// Those with an address in these networks.
    Trusted(Networks),
    /// This number of entries at the end; the entry before them is the client.
    Skipped(u32),
}

/// Why the client is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoPeer,
    NoField,
    TooFew {
        entries: u32,
    },
    OnlyProxies,
    Hidden,
    Malformed,
    /// The peer, or an entry, is an address that no client can have.
    NoClientPeer,
    NoClient,
}

impl AddressField {
    /// The client of a request with these fields and this peer. With `own_requests`, a proxy is the
    /// client if no proxy has sent another address.
    pub(super) fn find(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        own_requests: bool,
    ) -> Result<IpAddr, Fault> {
        let peer = match peer.map(|peer| peer.to_canonical()) {
            None => Err(Fault::NoPeer),
            Some(peer) if is_no_client(peer) => Err(Fault::NoClientPeer),
            Some(peer) => Ok(peer),
        };
        // A field in several lines is one list (RFC 9110, section 5.3).
        let lines = |name: &str| {
            let lines = headers.get_all(name).iter().rev();
            lines.map(|line| line.as_bytes())
        };
        let found = match self {
            Self::Peer => return peer,
            Self::List(_, ProxyHops::Trusted(trusted)) if !trusted.contains(peer?) => return peer,
            // Not a list: an empty last value is one that the proxy has not filled in.
            Self::Header(name) => match lines(name.as_str()).next() {
                None => Found::Nothing,
                Some(line) => {
                    let last = line.rsplit(|byte| *byte == b',').next().unwrap_or(line);
                    Found::Client(read(forwarded_for::node(last))?)
                }
            },
            Self::List(ListField::XForwardedFor, hops) => {
                hops.walk(lines(X_FORWARDED_FOR).flat_map(forwarded_for::from_the_right))?
            }
            Self::List(ListField::Forwarded, hops) => {
                hops.walk(lines(FORWARDED).flat_map(forwarded::from_the_right))?
            }
        };
        match found {
            Found::Client(client) => Ok(client),
            Found::Proxy(proxy) if own_requests => Ok(proxy),
            Found::Proxy(_) => Err(Fault::OnlyProxies),
            Found::Nothing if own_requests => peer,
            Found::Nothing => Err(Fault::NoField),
        }
    }

    /// The message for the log.
    pub(super) fn explain(&self, fault: Fault) -> String {
        let (field, proxies) = match self {
            Self::Peer => ("", 1),
            Self::Header(name) => (name.as_str(), 1),
            Self::List(list, ProxyHops::Skipped(skipped)) => {
                (list.name(), skipped.saturating_add(1))
            }
            Self::List(list, ProxyHops::Trusted(_)) => (list.name(), 1),
        };
        match fault {
            Fault::NoPeer => NO_PEER_ADDR.to_owned(),
            Fault::NoField => format!(
                "the request has no `{field}`: the proxy must set it, and clients must not reach the \
                 server without the proxy; {OWN_REQUESTS}"
            ),
            Fault::TooFew { entries } => format!(
                "`{field}` has {entries} of the {proxies} entries that the proxies append: correct the \
                 number of proxies; clients must not reach the server without them"
            ),
            Fault::OnlyProxies => format!(
                "`{field}` has only addresses of trusted proxies: trust only the networks of the \
                 proxies; {OWN_REQUESTS}"
            ),
            Fault::Hidden => format!(
                "a proxy hides the address of the client in `{field}` with `unknown` or an \
                 obfuscated identifier: configure it to send the address"
            ),
            Fault::NoClientPeer => "the address of the peer is one that no client can have \
                (unspecified, multicast or broadcast): provide the address of the connection's \
                other end, not the one that the server listens on"
                .to_owned(),
            Fault::NoClient => format!(
                "the entry of a proxy in `{field}` is an address that no client can have \
                 (unspecified, multicast or broadcast): configure the proxy to send the address of \
                 the client"
            ),
            Fault::Malformed => format!(
                "the entry of a proxy in `{field}` is not an address: each proxy must overwrite the \
                 field or append an address to it; if there are fewer proxies, correct their number"
            ),
        }
    }
}

const OWN_REQUESTS: &str = "serve the proxies' own requests, such as health checks, without \
    `with_client_ip`, or see `dangerously_allow_proxies_as_clients()`";

/// The result of a walk over a list.
enum Found {
    Client(IpAddr),
    /// The first address of a list with only trusted ones.
    Proxy(IpAddr),
    Nothing,
}

impl ProxyHops {
    fn walk(&self, mut nodes: impl Iterator<Item = Node>) -> Result<Found, Fault> {
        let mut last = Found::Nothing;
        match self {
            Self::Trusted(trusted) => {
                for node in nodes {
                    let address = read(node)?;
                    if !trusted.contains(address) {
                        return Ok(Found::Client(address));
                    }
                    last = Found::Proxy(address);
                }
            }
            Self::Skipped(skipped) => {
                for entries in 0..*skipped {
                    match nodes.next() {
                        None if entries > 0 => return Err(Fault::TooFew { entries }),
                        None => return Ok(last),
                        Some(_) => {}
                    }
                }
                match nodes.next() {
                    None if *skipped > 0 => return Err(Fault::TooFew { entries: *skipped }),
                    None => {}
                    Some(node) => last = Found::Client(read(node)?),
                }
            }
        }
        Ok(last)
    }
}

const fn read(node: Node) -> Result<IpAddr, Fault> {
    match node {
        Node::Address(address) if is_no_client(address) => Err(Fault::NoClient),
        Node::Address(address) => Ok(address),
        Node::Hidden => Err(Fault::Hidden),
        Node::Malformed => Err(Fault::Malformed),
    }
}

/// Whether no client can have the address: unspecified (RFC 1122, section 3.2.1.3; RFC 4291, section
/// 2.5.2), multicast, or the broadcast address.
const fn is_no_client(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_unspecified() || address.is_multicast() || address.is_broadcast()
        }
        IpAddr::V6(address) => address.is_unspecified() || address.is_multicast(),
    }
}

impl ListField {
    const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
        }
    }
}

/// A description without the addresses.
impl fmt::Debug for AddressField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer => f.write_str("peer"),
            Self::Header(name) => f.write_str(name.as_str()),
            Self::List(list, ProxyHops::Trusted(trusted)) => {
                write!(f, "{} past {} networks", list.name(), trusted.listed())
            }
            Self::List(list, ProxyHops::Skipped(skipped)) => {
                let proxies = skipped.saturating_add(1);
                write!(f, "{} behind {proxies} proxies", list.name())
            }
        }
    }
}
