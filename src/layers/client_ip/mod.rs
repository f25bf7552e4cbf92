//! Determines the address of the client, even behind proxies, and provides it: [`ClientIp`].
//!
//! 1. Without a proxy, the client is the peer: the other end of the connection.
//! 2. Behind proxies, it is the address that they send. In a list such as `X-Forwarded-For`, to which
//!    each proxy appends the address that it received the request from, only entries of trusted
//!    proxies are read: from the right, up to the first address that is not a proxy's.
//! 3. If the address is missing or invalid, the request is rejected; it never passes with another
//!    address.
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
//! // The client has sent 6.6.6.6 to spoof its address.
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "203.0.113.9");
//!
//! // The server does not provide the address of the peer.
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
//! | proxies with known addresses: nginx, Envoy | [`x_forwarded_for`](ClientIpSource::x_forwarded_for) with their networks |
//! | proxies with changing addresses that clients can't bypass: AWS ALB | [`x_forwarded_for_behind`](ClientIpSource::x_forwarded_for_behind) with their number |
//! | a proxy that overwrites a field of its own: Fly.io, or Cloudflare if only it can reach the server | [`header`](ClientIpSource::header) |
//! | several entrances that report the address differently | [`for_peers`](ClientIpSource::for_peers), by the address of the peer |
//! | proxies that send `Forwarded` | [`forwarded`](ClientIpSource::forwarded), [`forwarded_behind`](ClientIpSource::forwarded_behind) |
//!
//! The peer is found in the extensions of the request: as axum's `ConnectInfo<SocketAddr>`
//! (`into_make_service_with_connect_info::<SocketAddr>()`), as [`PeerAddr`](crate::PeerAddr), or with the
//! feature `tonic` as tonic's `TcpConnectInfo`.
//! A server on a Unix socket has no peer address: use a number of proxies or a field there.
//!
//! # What is read
//!
//! All lines of a list form one list, in their order; of a field with a single address, the last
//! value is used. An entry is an address, with or without a port: `192.0.2.7`, `192.0.2.7:80`,
//! `2001:db8::7`, `[2001:db8::7]:80`. Zones (`fe80::1%eth0`) are dropped, and IPv4-mapped IPv6
//! addresses become IPv4 addresses, including that of the peer. Empty elements of a list are skipped
//! ([RFC 9110, section 5.6.1.2]). An unspecified, multicast or broadcast address (`0.0.0.0`, `::`) is
//! not that of a client. In `Forwarded` (RFC 7239) the parameter `for` is read, in any case and
//! position, quoted or not. Other parameters must be well-formed, but may lack the quotation marks that
//! a port requires (`host=example.com:80`).
//!
//! [RFC 9110, section 5.6.1.2]: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.1.2
//!
//! # Responses
//!
//! | status | when | problem type |
//! |---|---|---|
//! | 500 | no peer address, where it is needed | `about:blank`; the log says what to do |
//! | 500 | no field, or fewer entries than proxies | the same |
//! | 500 | the list has only trusted addresses | the same |
//! | 500 | a relevant entry is hidden (`unknown`, `_hidden`), not an address, or one that no client can have; the single address of a field is empty | the same |
//!
//! All of these are configuration errors of the proxies, because clients do not write the relevant
//! entries. They are errors in the log, which does not contain the entry.
//!
//! # Order
//!
//! Stage [`Admit`](crate::stage::Admit): outside everything that uses the client's address, such as
//! a rate limit, and inside CORS, whose preflights need no address. If every route needs it, put it
//! around the router, and `assume::<ClientIp>()` into the stacks of the handlers.
//!
//! # Security
//!
//! - The client chooses the first entry of a list, so it is never used just because it is first.
//!   Entries to the left of the client's address are never read, so nothing in them has an effect,
//!   not even an unpaired quotation mark in `Forwarded`.
//! - An invalid entry is rejected, not skipped: the entries to the left of it may be the client's. Only
//!   an element that is empty is skipped, so a proxy must append an address to every request. A proxy
//!   that appends an empty value would let the client choose: use [`header`](ClientIpSource::header)
//!   for it, which rejects an empty value.
//! - A request without the field is rejected, not taken for the proxy's own request: a client that
//!   sends `Connection: X-Forwarded-For` makes some proxies remove the field. Health checks come
//!   without it, so serve their route outside of this layer, or see
//!   [`dangerously_allow_proxies_as_clients`](ClientIpSource::dangerously_allow_proxies_as_clients).
//! - A trusted network is trusted as a whole: every machine in it can send any address.
//! - With a number of proxies, or a field of a proxy, the peer is not checked. Clients must not be
//!   able to reach the server without the proxies.
//! - `Debug` shows how many networks are trusted, not which.
//!
//! The layer allocates only the place for [`ClientIp`] in the extensions of the request. Its time is
//! proportional to the length of the entries that the proxies have written, at most to that of the
//! header.
//!
//! # Compared with
//!
//! - `axum-client-ip` 1 reads a named field, or the last entry of a list, so it works with one proxy
//!   only. It has no trusted networks, and does not check the peer.
//! - `SmartIpKeyExtractor` of `tower_governor` reads the first entry of `X-Forwarded-For`, which the
//!   client chooses.
//! - `ClientIPFromXFF` of chi skips invalid entries, and does not check the peer.
//! - Express (`proxy-addr`) reads the list as this layer does, but uses the first address if all are
//!   trusted, and an invalid entry as the client's address.

mod find;
pub(crate) mod source;

#[cfg(doc)]
use self::source::ClientIpSource;
#[cfg(doc)]
use crate::request::ClientIp;
