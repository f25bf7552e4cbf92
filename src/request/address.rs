//! Says where a request comes from: the other end of the connection, and the client behind it.

use std::net::{IpAddr, SocketAddr};

use http::Extensions;

use crate::contract::Provided;

/// The address of the other end of the connection, in the extensions of a request.
///
/// A server on plain hyper inserts it into each request of the connection. With axum there is
/// nothing to do: `into_make_service_with_connect_info::<SocketAddr>()` leaves the address as
/// `ConnectInfo`, which is found as well. Where both are present, this one counts.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a name for one value")]
pub struct PeerAddr(pub SocketAddr);

/// The address of the client, in the extensions of a request: the peer's, or what a trusted proxy
/// says of it. `with_client_ip` leaves it there.
///
/// An IPv4 address that is mapped into IPv6 is an IPv4 address here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a handler takes it apart")]
pub struct ClientIp(pub IpAddr);

impl Provided for ClientIp {
    fn from_extensions(extensions: &mut Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}

/// The peer's address, as the server has left it.
pub(crate) fn peer_addr(extensions: &Extensions) -> Option<SocketAddr> {
    let peer = extensions.get().map(|PeerAddr(peer)| *peer);
    #[cfg(feature = "axum")]
    let peer = peer.or_else(|| {
        use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

        let connected = extensions.get().map(|ConnectInfo(peer)| *peer);
        connected.or_else(|| extensions.get().map(|MockConnectInfo(peer)| *peer))
    });
    peer
}
