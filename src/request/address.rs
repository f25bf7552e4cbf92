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
/// `ConnectInfo`, which is used as well. So is tonic's `TcpConnectInfo`, even inside its
/// `TlsConnectInfo`, with the feature `tonic`. If several are present, this one is used.
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
    `axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())`, turn on the feature \
    `tonic` for the server of tonic, or insert a `wythe::PeerAddr` into the extensions of each request";

/// The address of the peer, as the server provides it.
pub(crate) fn peer_addr(extensions: &Extensions) -> Option<SocketAddr> {
    let peer = extensions.get().map(|PeerAddr(peer)| *peer);
    #[cfg(feature = "server")]
    let peer = peer.or_else(|| {
        use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

        let connected = extensions.get().map(|ConnectInfo(peer)| *peer);
        connected.or_else(|| extensions.get().map(|MockConnectInfo(peer)| *peer))
    });
    #[cfg(feature = "tonic")]
    let peer = peer.or_else(|| {
        use tokio::net::TcpStream;
        use tokio_rustls::server::TlsStream;
        use tonic::transport::server::{Connected, TcpConnectInfo};

        // It is `TlsConnectInfo<TcpConnectInfo>`. tonic exports the name only with a crypto provider,
        // which is the choice of the application.
        type OverTls = <TlsStream<TcpStream> as Connected>::ConnectInfo;

        let over_tls = || extensions.get().map(OverTls::get_ref);
        let connection = extensions.get().or_else(over_tls);
        connection.and_then(TcpConnectInfo::remote_addr)
    });
    peer
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{ClientIp, PeerAddr};

    #[cfg(feature = "tonic")]
    #[test]
    fn the_server_of_tonic_provides_the_address() {
        use tonic::transport::server::TcpConnectInfo;

        let peer = SocketAddr::from(([192, 0, 2, 7], 50_123));
        let mut extensions = http::Extensions::new();
        let mut connected = TcpConnectInfo {
            local_addr: None,
            remote_addr: None,
        };
        extensions.insert(connected.clone());
        assert_eq!(super::peer_addr(&extensions), None);
        connected.remote_addr = Some(peer);
        extensions.insert(connected);
        assert_eq!(super::peer_addr(&extensions), Some(peer));
        let own = SocketAddr::from(([192, 0, 2, 8], 1));
        extensions.insert(PeerAddr(own));
        assert_eq!(super::peer_addr(&extensions), Some(own));
    }

    #[test]
    fn debug_shows_no_address() {
        let peer = SocketAddr::from(([192, 0, 2, 7], 50_123));
        let shown = format!("{:?} {:?}", PeerAddr(peer), ClientIp(peer.ip()));
        assert_eq!(shown, "PeerAddr(..) ClientIp(..)");
    }
}
