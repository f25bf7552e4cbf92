//! Allows only clients in some networks, or denies clients in some networks.
//!
//! 1. With [`IpFilter::allow`], a request passes if its client is in one of the networks.
//! 2. With [`IpFilter::deny`], it passes if its client is in none of them.
//! 3. [`except`](IpFilter::except) reverses this for some networks: an exception takes precedence,
//!    whichever network is larger.
//! 4. Any other request is answered with 403, or with 500 if its client is not known.
//!
//! # Example
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use wythe::{ClientIpSource, IpFilter, PeerAddr, compose, with_client_ip, with_ip_filter};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let office = IpFilter::allow(["203.0.113.0/24", "2001:db8::/32"])?.except(["203.0.113.7"])?;
//! let stack = compose((with_client_ip(ClientIpSource::peer()), with_ip_filter(office)));
//! let service = stack.layer(service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! }));
//! let from = |peer: &str| {
//!     let peer: SocketAddr = peer.parse().unwrap();
//!     let mut request = Request::new(());
//!     request.extensions_mut().insert(PeerAddr(peer));
//!     service.clone().oneshot(request)
//! };
//!
//! assert_eq!(from("203.0.113.9:50123").await?.status(), StatusCode::OK);
//! assert_eq!(from("203.0.113.7:50123").await?.status(), StatusCode::FORBIDDEN);
//! assert_eq!(from("192.0.2.1:50123").await?.status(), StatusCode::FORBIDDEN);
//! # Ok(())
//! # }
//! ```
//!
//! Without `with_client_ip`, or `assume::<ClientIp>()`, the stack does not compile:
//!
//! ```compile_fail
//! use wythe::{IpFilter, compose, with_ip_filter};
//!
//! let stack = compose((with_ip_filter(IpFilter::allow(["203.0.113.0/24"])?),));
//! # Ok::<(), wythe::ConfigError>(())
//! ```
//!
//! # Responses
//!
//! | status | when | problem type |
//! |---|---|---|
//! | 403 | the client is not allowed | `about:blank` |
//! | 500 | the address of the client, or of the peer, is not known | `about:blank`; the log says what to do |
//!
//! # Order
//!
//! Stage [`Admit`](crate::stage::Admit), after `with_client_ip`. Inside CORS, so that a page can
//! read the refusal.
//!
//! # Security
//!
//! - The filter is only as reliable as the address: see `with_client_ip` for which source to use.
//!   [By the peer](IpFilter::by_peer), a proxy stands for all of its clients.
//! - Addresses are not credentials: many people share one, and its user changes.
//! - A client with IPv6 has many addresses: deny its network, /64 or shorter.
//! - `Debug` shows how many networks are listed, not which.
//!
//! An address is looked up by binary search in the networks of its family, which are merged when
//! the filter is built. Nothing is allocated for a request that passes.

pub(crate) mod filter;

#[cfg(doc)]
use self::filter::IpFilter;
pub use self::filter::{AddressSource, ClientAddress, PeerAddress};
