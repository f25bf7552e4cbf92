//! Lets only some networks of addresses call, or keeps some out.
//!
//! 1. With [`IpFilter::allow`], a request passes if its client is in one of the networks.
//! 2. With [`IpFilter::deny`], it passes if its client is in none of them.
//! 3. What [`except`](IpFilter::except) lists is treated the other way round: the exception wins,
//!    whichever network is the larger.
//! 4. A request that does not pass is answered with 403, and one whose client is not known with
//!    500.
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
//! | 403 | the client may not call | `about:blank` |
//! | 500 | the client, or the peer, is not known | `about:blank`; the log says what to do |
//!
//! # Order
//!
//! Stage [`Admit`](crate::stage::Admit), after `with_client_ip`. Inside CORS, so that a page can
//! read the refusal.
//!
//! # Security
//!
//! - The filter is as good as the address: see the page of `with_client_ip` for which source to
//!   take. Where it goes [by the peer](IpFilter::by_peer), a proxy is all of its clients.
//! - Addresses are no credentials: many people share some, and who has one changes.
//! - A client with IPv6 has many addresses: deny its network, /64 or shorter.
//! - `Debug` shows how many networks are listed, not which.
//!
//! An address is looked up by binary search in the networks of its family, which are merged when
//! the filter is built. Nothing is allocated for a request that passes.

mod whose;

use std::{fmt, marker::PhantomData, net::IpAddr, sync::Arc};

use http::{Request, StatusCode};

pub use self::whose::{OfClient, OfPeer, Whose};
use crate::{
    contract::{Description, Later, Middleware, Place, Step, With, stage, with},
    support::networks::{IntoNetwork, Networks},
    wire::{ConfigError, Problem},
};

/// Lets only some networks call, or keeps some out; see the [module](self).
///
/// # Example
///
/// ```
/// use wythe::{IpFilter, with_ip_filter};
///
/// let layer = with_ip_filter(IpFilter::deny(["192.0.2.0/24", "2001:db8:bad::/48"])?);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub const fn with_ip_filter<W: Whose>(filter: IpFilter<W>) -> With<IpFilter<W>> {
    with(filter)
}

/// Which networks may call: the policy of [`with_ip_filter`].
///
/// # Example
///
/// ```
/// use wythe::{IpFilter, networks::private_networks};
///
/// let office_and_vpn = IpFilter::allow(["203.0.113.0/24", "2001:db8:7::/48"])?;
/// let inside = IpFilter::allow(private_networks())?.by_peer();
/// let but_one = IpFilter::deny(["192.0.2.0/24"])?.except(["192.0.2.25"])?;
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[must_use]
pub struct IpFilter<W = OfClient> {
    lists: Arc<Lists>,
    whose: PhantomData<fn() -> W>,
}

#[derive(Clone)]
struct Lists {
    networks: Networks,
    exceptions: Networks,
    /// Whether those in the networks may call, or the others.
    allow: bool,
    refusal: Problem,
}

impl IpFilter {
    /// Lets these networks call, and no others.
    ///
    /// # Errors
    ///
    /// If the list is empty, or if one of it is no network; see [`IntoNetwork`].
    pub fn allow<I>(networks: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        Self::of(true, networks)
    }

    /// Keeps these networks out, and lets all others call.
    ///
    /// # Errors
    ///
    /// If the list is empty, or if one of it is no network; see [`IntoNetwork`].
    pub fn deny<I>(networks: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        Self::of(false, networks)
    }

    /// Goes by the peer, the other end of the connection, and not by the client that
    /// `with_client_ip` provides: to let only the proxies call, for example.
    ///
    /// # Example
    ///
    /// ```
    /// use wythe::{ClientIpSource, IpFilter, compose, with_client_ip, with_ip_filter};
    ///
    /// let stack = compose((
    ///     with_ip_filter(IpFilter::allow(["10.0.0.0/24"])?.by_peer()),
    ///     with_client_ip(ClientIpSource::header("cf-connecting-ip")?),
    /// ));
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    pub fn by_peer(self) -> IpFilter<OfPeer> {
        IpFilter {
            lists: self.lists,
            whose: PhantomData,
        }
    }

    fn of<I>(allow: bool, networks: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let networks = Networks::from_list(networks)?;
        if networks.listed() == 0 {
            return Err(empty());
        }
        let refusal = Problem::new(StatusCode::FORBIDDEN).reason("network");
        let lists = Lists {
            networks,
            exceptions: Networks::default(),
            allow,
            refusal: refusal.detail("Requests from this address are not allowed."),
        };
        Ok(Self {
            lists: Arc::new(lists),
            whose: PhantomData,
        })
    }
}

impl<W> IpFilter<W> {
    /// Treats these networks the other way round: keeps them out if the filter allows, and lets
    /// them call if it denies. A second call adds to the first.
    ///
    /// # Errors
    ///
    /// If the list is empty, or if one of it is no network; see [`IntoNetwork`].
    pub fn except<I>(mut self, networks: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let lists = Arc::make_mut(&mut self.lists);
        let before = lists.exceptions.listed();
        lists.exceptions.add(networks)?;
        if lists.exceptions.listed() == before {
            return Err(empty());
        }
        Ok(self)
    }
}

fn empty() -> ConfigError {
    ConfigError::new(
        "IpFilter",
        "a list of networks is empty: list some, or leave the filter away",
    )
}

impl Lists {
    fn lets_pass(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_listed = self.networks.contains(address) && !self.exceptions.contains(address);
        self.allow == is_listed
    }
}

impl<W: Whose> Place for IpFilter<W> {
    type Stage = stage::Admit;
    type Provides = ();
    type Needs = W::Needs;

    fn describe(&self) -> Description {
        Description::new("with_ip_filter")
            .answers(StatusCode::FORBIDDEN, "to networks that may not call")
            .answers(StatusCode::INTERNAL_SERVER_ERROR, W::WHEN_MISSING)
    }
}

impl<B, W: Whose> Middleware<B> for IpFilter<W> {
    type Carry = ();

    fn name(&self) -> &'static str {
        "with_ip_filter"
    }

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        match W::address(request.extensions()) {
            Some(address) if self.lists.lets_pass(address) => Step::next(request, ()),
            Some(_) => Step::reply(self.lists.refusal.clone()),
            None => Step::reply(Problem::internal(W::MISSING)),
        }
    }
}

// By hand, because `W` need not be `Clone`.
impl<W> Clone for IpFilter<W> {
    fn clone(&self) -> Self {
        Self {
            lists: Arc::clone(&self.lists),
            whose: PhantomData,
        }
    }
}

impl<W> fmt::Debug for IpFilter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.lists.allow { "allow" } else { "deny" };
        f.debug_struct("IpFilter")
            .field(kind, &self.lists.networks.listed())
            .field("except", &self.lists.exceptions.listed())
            .finish_non_exhaustive()
    }
}
