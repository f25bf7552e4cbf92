//! The addresses of a request: that of the peer, and that of the client.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use http::Extensions;

use crate::contract::Provided;

/// The address of the other end of the connection, in the extensions of a request.
///
/// A server on plain hyper inserts it into each request of the connection. With axum it is not
/// needed: `into_make_service_with_connect_info::<SocketAddr>()` provides the address as
/// `ConnectInfo`, which is used as well. If both are present, this one is used.
///
/// `Debug` does not show the address, which is personal data.
///
/// # Example
///
/// ```
/// use std::net::SocketAddr;
///
/// use http::Request;
/// use wythe::PeerAddr;
///
/// let peer: SocketAddr = "203.0.113.9:50123".parse()?; // from `TcpListener::accept`
/// let mut request = Request::new(());
/// request.extensions_mut().insert(PeerAddr(peer));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a newtype")]
pub struct PeerAddr(pub SocketAddr);

impl fmt::Debug for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerAddr(..)")
    }
}

/// The address of the client, in the extensions of a request: that of the peer, or the one that a
/// trusted proxy has sent. `with_client_ip` provides it.
///
/// An IPv4-mapped IPv6 address becomes an IPv4 address. `Debug` does not show the address, which is
/// personal data.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
pub struct ClientIp(pub IpAddr);

impl fmt::Debug for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIp(..)")
    }
}

impl Provided for ClientIp {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}

/// The cause of the 500 to a request without a peer address.
pub(crate) const NO_PEER_ADDR: &str = "the request has no peer address: serve an axum router with \
    `axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())`, or insert a \
    `wythe::PeerAddr` into the extensions of each request";

/// The address of the peer, as the server provides it.
pub(crate) fn peer_addr(extensions: &Extensions) -> Option<SocketAddr> {
    let peer = extensions.get().map(|PeerAddr(peer)| *peer);
    #[cfg(feature = "server")]
    let peer = peer.or_else(|| {
        use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

        let connected = extensions.get().map(|ConnectInfo(peer)| *peer);
        connected.or_else(|| extensions.get().map(|MockConnectInfo(peer)| *peer))
    });
    peer
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{ClientIp, PeerAddr};

    #[test]
    fn debug_shows_no_address() {
        let peer = SocketAddr::from(([192, 0, 2, 7], 50_123));
        let shown = format!("{:?} {:?}", PeerAddr(peer), ClientIp(peer.ip()));
        assert_eq!(shown, "PeerAddr(..) ClientIp(..)");
    }
}
