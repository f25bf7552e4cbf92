//! Says whose address a filter goes by.

use std::net::IpAddr;

use http::Extensions;

use crate::{
    contract::Needed,
    request::{ClientIp, peer_addr},
};

/// Whose address a filter goes by: [`OfClient`] or [`OfPeer`].
pub trait Whose: sealed::Sealed {
    /// What another layer must provide.
    type Needs;
}

mod sealed {
    use super::{Extensions, IpAddr};

    #[expect(unnameable_types, reason = "that is what seals it")]
    pub trait Sealed {
        /// What the log says if it is missing.
        const MISSING: &'static str;
        /// The same in a description of the layer.
        const WHEN_MISSING: &'static str;

        fn address(extensions: &Extensions) -> Option<IpAddr>;
    }
}

/// The address of the client, which `with_client_ip` provides.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OfClient;

/// The address of the peer, the other end of the connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OfPeer;

impl Whose for OfClient {
    type Needs = Needed<ClientIp>;
}

impl sealed::Sealed for OfClient {
    const MISSING: &'static str = "a filter goes by the address of the client, but the request \
        has none: list `with_client_ip(..)` before it, in the same stack or around the whole \
        router";
    const WHEN_MISSING: &'static str = "when no layer has found out who the client is";

    fn address(extensions: &Extensions) -> Option<IpAddr> {
        extensions.get().map(|ClientIp(address)| *address)
    }
}

impl Whose for OfPeer {
    type Needs = ();
}

impl sealed::Sealed for OfPeer {
    const MISSING: &'static str = "a filter goes by the address of the peer, but the request has \
        none: serve an axum router with `into_make_service_with_connect_info::<SocketAddr>()`, or \
        insert a `wythe::PeerAddr` into the extensions of each request";
    const WHEN_MISSING: &'static str = "when the server does not say who the peer is";

    fn address(extensions: &Extensions) -> Option<IpAddr> {
        peer_addr(extensions).map(|peer| peer.ip())
    }
}
