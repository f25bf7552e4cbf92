//! Finds out which address a request comes from, behind which proxies, and provides it:
//! [`ClientIp`].
//!
//! 1. Without a proxy, the client is the peer: the other end of the connection.
//! 2. Behind proxies, it is what the proxies say. Of a list such as `X-Forwarded-For`, to which
//!    each proxy appends where the request came from, only that is read which a trusted proxy has
//!    written: from the right, until an entry is no proxy's address.
//! 3. If what should be there is not, the request is refused; it never goes on as somebody else's.
//!
//! # Example
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{ClientIp, ClientIpSource, PeerAddr, with_client_ip};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // One load balancer, in the network 10.0.0.0/24.
//! let layer = with_client_ip(ClientIpSource::x_forwarded_for(["10.0.0.0/24"])?);
//! let service = layer.layer(service_fn(|request: Request<()>| async move {
//!     let ClientIp(address) = request.extensions().get().unwrap();
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(address.to_string())))
//! }));
//!
//! let mut request = Request::get("/").header("x-forwarded-for", "6.6.6.6, 203.0.113.9").body(())?;
//! let load_balancer: SocketAddr = "10.0.0.5:50123".parse()?;
//! request.extensions_mut().insert(PeerAddr(load_balancer));
//! let response = service.clone().oneshot(request).await?;
//! // 6.6.6.6 is what the client has sent, to look like another.
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "203.0.113.9");
//!
//! // The server does not say who the peer is.
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
//! # Ok(())
//! # }
//! ```
//!
//! An axum handler takes it as an argument, `ClientIp(address): ClientIp`.
//!
//! # Which source
//!
//! | in front of the server | source |
//! |---|---|
//! | nothing | [`ClientIpSource::peer`] |
//! | proxies whose addresses are known: nginx, Envoy | [`x_forwarded_for`](ClientIpSource::x_forwarded_for) with their networks |
//! | proxies with changing addresses, which nobody can go around: AWS ALB | [`x_forwarded_for_behind`](ClientIpSource::x_forwarded_for_behind) their number |
//! | a proxy that overwrites a field of its own: Fly.io, or Cloudflare if only it can reach the server | [`header`](ClientIpSource::header) |
//! | proxies that send `Forwarded` | [`forwarded`](ClientIpSource::forwarded), [`forwarded_behind`](ClientIpSource::forwarded_behind) |
//!
//! The peer is found in the extensions of the request: as axum's `ConnectInfo<SocketAddr>`
//! (`into_make_service_with_connect_info::<SocketAddr>()`) or as [`PeerAddr`](crate::PeerAddr).
//! A server on a Unix socket has none; there a number of proxies or a field does it.
//!
//! # What is read
//!
//! All lines of a list are one list, in their order; of a single field the last value counts. An
//! entry is an address, with a port or not: `192.0.2.7`, `192.0.2.7:80`, `2001:db8::7`,
//! `[2001:db8::7]:80`. Zones (`fe80::1%eth0`) are dropped, and IPv4 addresses mapped into IPv6 are
//! IPv4 addresses, the peer's too. Of `Forwarded` (RFC 7239) the parameter `for` is read, in any
//! case and place, quoted or not; other parameters must be well-formed, but may lack the quotation
//! marks that a port needs (`host=example.com:80`).
//!
//! # Responses
//!
//! | status | when | problem type |
//! |---|---|---|
//! | 500 | no peer, where it is needed | `about:blank`; the log says what to do |
//! | 500 | no field, or fewer entries than proxies | the same |
//! | 500 | the list has only trusted addresses | the same |
//! | 500 | an entry that counts is hidden (`unknown`, `_hidden`), empty, or no address | the same |
//!
//! All of these are mistakes in what stands in front of the server, because clients do not write
//! what counts; so they are errors in the log, and none of them says what the entry was.
//!
//! # Order
//!
//! Stage [`Admit`](crate::stage::Admit): before everything that goes by the client's address, such
//! as a rate limit. Inside CORS, whose preflights need no address. What is needed on every route
//! stands around the router; a handler's own stack then says `assume::<ClientIp>()`.
//!
//! # Security
//!
//! - The first entry of a list is whatever the client has sent, and never the answer by itself. The
//!   walk never looks at what stands left of the client's address, so nothing there can matter:
//!   not more than a header's length, and no quotation mark of `Forwarded` without its pair.
//! - An entry that can't be read is refused, not skipped, an empty one too (RFC 9110, section
//!   5.6.1, would ignore it): what stands left of it may be the client's.
//! - A field that is missing is refused, and not taken for the proxy's own request: a client that
//!   sends `Connection: X-Forwarded-For` makes some proxies remove it. Health checks come without
//!   the field, so serve their route outside of this layer; else see
//!   [`dangerously_allow_proxies_as_clients`](ClientIpSource::dangerously_allow_proxies_as_clients).
//! - A trusted network is trusted as a whole: each machine in it can name any client.
//! - A number of proxies, and a field of a proxy's own, say nothing of who has connected. Nobody
//!   may reach the server without the proxies.
//! - `Debug` shows how many networks are trusted, not which.
//!
//! The layer allocates nothing but the place for [`ClientIp`] in the request's extensions, and
//! takes time in proportion to what the proxies have written, at most to the header's length.
//!
//! # Compared with
//!
//! - `axum-client-ip` 1: a named field, or the last entry of a list, so that two proxies can't be
//!   told from one; no trusted networks, and the peer is not checked.
//! - `tower_governor`'s `SmartIpKeyExtractor`: the first entry of `X-Forwarded-For`, which is the
//!   client's choice.
//! - chi's `ClientIPFromXFF`: skips entries that can't be read, and does not check the peer.
//! - Express (`proxy-addr`): walks as this layer does, but takes the first address if all are
//!   trusted, and what can't be read as the client's address.

mod find;
mod source;

use http::{Request, StatusCode};

pub use self::source::ClientIpSource;
use crate::{
    contract::{Always, Description, Later, Middleware, Place, Step, With, stage, with},
    request::{ClientIp, peer_addr},
    wire::Problem,
};

/// Finds out which address a request comes from, and provides it as [`ClientIp`]; see the
/// [module](self).
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use wythe::{ClientIp, ClientIpSource, compose, with_client_ip};
///
/// async fn whoami(ClientIp(address): ClientIp) -> String {
///     address.to_string()
/// }
///
/// let stack = compose((with_client_ip(ClientIpSource::peer()),));
/// let app: Router = Router::new().route("/whoami", get(stack.handler(whoami)));
/// ```
pub const fn with_client_ip(source: ClientIpSource) -> With<ClientIpSource> {
    with(source)
}

impl Place for ClientIpSource {
    type Stage = stage::Admit;
    type Provides = Always<ClientIp>;
    type Needs = ();

    fn describe(&self) -> Description {
        let when = match *self.source {
            find::Source::Peer => "when the server does not say who the peer is",
            _ => "when the proxies do not say who the client is",
        };
        Description::new("with_client_ip").answers(StatusCode::INTERNAL_SERVER_ERROR, when)
    }
}

impl<B> Middleware<B> for ClientIpSource {
    type Carry = ();

    fn name(&self) -> &'static str {
        "with_client_ip"
    }

    fn before(&self, mut request: Request<B>) -> Later<Step<B, ()>> {
        let peer = peer_addr(request.extensions()).map(|peer| peer.ip());
        match self.source.find(request.headers(), peer, self.own_requests) {
            Ok(address) => {
                request.extensions_mut().insert(ClientIp(address));
                Step::next(request, ())
            }
            Err(fault) => Step::reply(Problem::internal(self.source.explain(fault))),
        }
    }
}
