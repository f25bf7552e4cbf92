//! The policy, [`IpFilter`], and the layer.

use std::{fmt, marker::PhantomData, net::IpAddr, sync::Arc};

use http::{Extensions, Request, StatusCode};

use crate::{
    contract::{
        Description, Later, Middleware, Needed, Place, Step, With, description::Answer, stage, with,
    },
    request::{ClientIp, NO_PEER_ADDR, peer_addr},
    support::networks::{IntoNetwork, Networks},
    wire::{ConfigError, Problem},
};

const NAME: &str = "with_ip_filter";

/// Allows only some networks, or denies some; see the [module](super).
///
/// # Example
///
/// ```
/// use wythe::{IpFilter, with_ip_filter};
///
/// let layer = with_ip_filter(IpFilter::deny(["192.0.2.0/24", "2001:db8:bad::/48"])?);
/// # Ok::<(), wythe::ConfigError>(())
/// ```
pub const fn with_ip_filter<W: AddressSource>(filter: IpFilter<W>) -> With<IpFilter<W>> {
    with(filter)
}

/// Which networks are allowed: the policy of [`with_ip_filter`].
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
pub struct IpFilter<W = ClientAddress> {
    filter: Arc<FilterPolicy>,
    source: PhantomData<fn() -> W>,
}

#[derive(Clone)]
struct FilterPolicy {
    networks: Networks,
    exceptions: Networks,
    /// Whether the networks are allowed, or denied.
    allow: bool,
    refusal: Problem,
}

impl IpFilter {
    /// Allows these networks and no others.
    ///
    /// # Errors
    ///
    /// The list is empty, or an element is not a network; see [`IntoNetwork`].
    pub fn allow<I>(networks: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        Self::of(true, networks)
    }

    /// Denies these networks and allows all others.
    ///
    /// # Errors
    ///
    /// The list is empty, or an element is not a network; see [`IntoNetwork`].
    pub fn deny<I>(networks: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        Self::of(false, networks)
    }

    /// Filters by the peer, the other end of the connection, instead of the client that
    /// `with_client_ip` provides: to allow only the proxies, for example.
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
    pub fn by_peer(self) -> IpFilter<PeerAddress> {
        IpFilter {
            filter: self.filter,
            source: PhantomData,
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
        let filter = FilterPolicy {
            networks,
            exceptions: Networks::default(),
            allow,
            refusal: refusal.detail("Requests from this address are not allowed."),
        };
        Ok(Self {
            filter: Arc::new(filter),
            source: PhantomData,
        })
    }
}

impl<W> IpFilter<W> {
    /// Excepts these networks: denies them if the filter allows networks, and allows them if it
    /// denies networks. Further calls add to the list.
    ///
    /// # Errors
    ///
    /// The list is empty, or an element is not a network; see [`IntoNetwork`].
    pub fn except<I>(mut self, networks: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let filter = Arc::make_mut(&mut self.filter);
        let before = filter.exceptions.listed();
        filter.exceptions.add(networks)?;
        if filter.exceptions.listed() == before {
            return Err(empty());
        }
        Ok(self)
    }
}

fn empty() -> ConfigError {
    ConfigError::new(
        "IpFilter",
        "a list of networks is empty: list a network, or remove the filter",
    )
}

impl FilterPolicy {
    fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_listed = self.networks.contains(address) && !self.exceptions.contains(address);
        self.allow == is_listed
    }
}

impl<W: AddressSource> Place for IpFilter<W> {
    type Stage = stage::Admit;
    type Provides = ();
    type Needs = W::Needs;

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let refusal = Answer::of(&self.filter.refusal).when("to addresses that are not allowed");
        let unknown = Answer::new(StatusCode::INTERNAL_SERVER_ERROR).when(W::WHEN_MISSING);
        Description::new(self.name())
            .answer(refusal)
            .answer(unknown)
    }
}

impl<B, W: AddressSource> Middleware<B> for IpFilter<W> {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        match W::address(request.extensions()) {
            Some(address) if self.filter.allows(address) => Step::next(request, ()),
            Some(_) => Step::reply(self.filter.refusal.clone()),
            None => Step::reply(Problem::misconfigured(W::MISSING)),
        }
    }
}

// By hand, because `W` need not be `Clone`.
impl<W> Clone for IpFilter<W> {
    fn clone(&self) -> Self {
        Self {
            filter: Arc::clone(&self.filter),
            source: PhantomData,
        }
    }
}

impl<W> fmt::Debug for IpFilter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.filter.allow { "allow" } else { "deny" };
        f.debug_struct("IpFilter")
            .field(kind, &self.filter.networks.listed())
            .field("except", &self.filter.exceptions.listed())
            .finish_non_exhaustive()
    }
}

/// The address that a filter checks: [`ClientAddress`] or [`PeerAddress`].
pub trait AddressSource: sealed::Sealed {
    /// What another layer must provide.
    type Needs;
}

mod sealed {
    use super::{Extensions, IpAddr};

    #[expect(unnameable_types, reason = "that is what seals it")]
    pub trait Sealed {
        /// The message for the log if it is missing.
        const MISSING: &'static str;
        /// The same in the description of the layer.
        const WHEN_MISSING: &'static str;

        fn address(extensions: &Extensions) -> Option<IpAddr>;
    }
}

/// The address of the client, which `with_client_ip` provides.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ClientAddress;

/// The address of the peer, the other end of the connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PeerAddress;

impl AddressSource for ClientAddress {
    type Needs = Needed<ClientIp>;
}

impl sealed::Sealed for ClientAddress {
    const MISSING: &'static str = "the request has no client address: list `with_client_ip(..)` \
        before the filter, in the same stack or around the whole router";
    const WHEN_MISSING: &'static str = "when the address of the client is not known";

    fn address(extensions: &Extensions) -> Option<IpAddr> {
        extensions.get().map(|ClientIp(address)| *address)
    }
}

impl AddressSource for PeerAddress {
    type Needs = ();
}

impl sealed::Sealed for PeerAddress {
    const MISSING: &'static str = NO_PEER_ADDR;
    const WHEN_MISSING: &'static str = "when the address of the peer is not known";

    fn address(extensions: &Extensions) -> Option<IpAddr> {
        peer_addr(extensions).map(|peer| peer.ip())
    }
}
