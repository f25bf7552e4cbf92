//! Finds the address of the client, or says why it can't be known.
//!
//! An entry of a list is read only if a trusted proxy has written it: from the right, until one
//! names an address that is no proxy's. What stands further left is the client's, and is never
//! looked at.

use std::{fmt, net::IpAddr};

use http::{HeaderMap, HeaderName};

use crate::{
    support::networks::Networks,
    wire::field::{
        forwarded,
        forwarded_for::{self, Node},
    },
};

pub(super) const X_FORWARDED_FOR: &str = "x-forwarded-for";
pub(super) const FORWARDED: &str = "forwarded";

/// Where the address is found.
pub(super) enum Source {
    Peer,
    Header(HeaderName),
    List(List, Hops),
}

/// A field to which each proxy appends.
#[derive(Clone, Copy)]
pub(super) enum List {
    XForwardedFor,
    Forwarded,
}

/// Which entries are those of proxies.
pub(super) enum Hops {
    /// Those with such an address.
    Trusted(Networks),
    /// So many of the last ones; the next is the client's, whoever it is.
    Skipped(u32),
}

/// Why the client can't be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoPeer,
    NoField,
    TooFew { entries: u32 },
    OnlyProxies,
    Hidden,
    Malformed,
}

impl Source {
    /// The client of a request with these fields and this peer. If `own_requests` are allowed, a
    /// proxy that no other has named a client for is the client itself.
    pub(super) fn find(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        own_requests: bool,
    ) -> Result<IpAddr, Fault> {
        let peer = peer.map(|peer| peer.to_canonical()).ok_or(Fault::NoPeer);
        let (name, list, hops) = match self {
            Self::Peer => return peer,
            Self::List(_, Hops::Trusted(trusted)) if !trusted.contains(peer?) => return peer,
            Self::Header(name) => (name.as_str(), List::XForwardedFor, &Hops::Skipped(0)),
            Self::List(list, hops) => (list.name(), *list, hops),
        };
        // A field in several lines is one list (RFC 9110, section 5.3).
        let lines = headers
            .get_all(name)
            .iter()
            .rev()
            .map(|line| line.as_bytes());
        let found = match list {
            List::XForwardedFor => hops.walk(lines.flat_map(forwarded_for::from_the_right)),
            List::Forwarded => hops.walk(lines.flat_map(forwarded::from_the_right)),
        };
        match found? {
            Found::Client(client) => Ok(client),
            Found::Proxy(proxy) if own_requests => Ok(proxy),
            Found::Proxy(_) => Err(Fault::OnlyProxies),
            Found::Nothing if own_requests => peer,
            Found::Nothing => Err(Fault::NoField),
        }
    }

    /// What to write into the log.
    pub(super) fn explain(&self, fault: Fault) -> String {
        let (field, proxies) = match self {
            Self::Peer => ("", 1),
            Self::Header(name) => (name.as_str(), 1),
            Self::List(list, Hops::Skipped(skipped)) => (list.name(), skipped.saturating_add(1)),
            Self::List(list, Hops::Trusted(_)) => (list.name(), 1),
        };
        match fault {
            Fault::NoPeer => NO_PEER.to_owned(),
            Fault::NoField => format!(
                "the request has no `{field}`: let the proxy set it, and let nobody reach the \
                 server without the proxy; {OWN_REQUESTS}"
            ),
            Fault::TooFew { entries } => format!(
                "`{field}` has {entries} of the {proxies} entries that so many proxies append: \
                 correct their number, and let nobody reach the server without them"
            ),
            Fault::OnlyProxies => format!(
                "`{field}` has only addresses of trusted proxies, and none of a client: trust the \
                 networks of the proxies alone; {OWN_REQUESTS}"
            ),
            Fault::Hidden => format!(
                "a proxy hides the client's address in `{field}`, behind `unknown` or an \
                 obfuscated identifier: let it write the address"
            ),
            Fault::Malformed => format!(
                "what stands in `{field}` where a proxy writes the client's address can't be read \
                 as one: let each proxy write an address, and overwrite or append to what clients \
                 send; and correct the number of proxies, if there are fewer"
            ),
        }
    }
}

const NO_PEER: &str = "the address of the client is asked of the peer, but the request has none: \
    serve an axum router with `into_make_service_with_connect_info::<SocketAddr>()`, or insert a \
    `wythe::PeerAddr` into the extensions of each request";

const OWN_REQUESTS: &str = "serve what proxies and neighbours ask for themselves, such as health \
    checks, without `with_client_ip`, or read about `dangerously_allow_proxies_as_clients()`";

/// What a walk over a list ends at.
enum Found {
    Client(IpAddr),
    /// The first address of a list that has only trusted ones.
    Proxy(IpAddr),
    Nothing,
}

impl Hops {
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
        Node::Address(address) => Ok(address),
        Node::Hidden => Err(Fault::Hidden),
        Node::Malformed => Err(Fault::Malformed),
    }
}

impl List {
    const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
        }
    }
}

/// In words, and without the addresses.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer => f.write_str("peer"),
            Self::Header(name) => f.write_str(name.as_str()),
            Self::List(list, Hops::Trusted(trusted)) => {
                write!(f, "{} past {} networks", list.name(), trusted.listed())
            }
            Self::List(list, Hops::Skipped(skipped)) => {
                let proxies = skipped.saturating_add(1);
                write!(f, "{} behind {proxies} proxies", list.name())
            }
        }
    }
}
