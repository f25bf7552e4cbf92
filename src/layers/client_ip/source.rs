//! The policy, [`ClientIpSource`], and the layer.

use std::{borrow::Cow, fmt, net::IpAddr, sync::Arc};

use http::{HeaderName, Request, StatusCode};

use super::find::{AddressField, FORWARDED, Fault, ListField, ProxyHops, X_FORWARDED_FOR};
#[cfg(feature = "trace")]
use crate::request::RequestSpan;
use crate::{
    contract::{
        Always, Description, Later, Middleware, Place, Step, With, description::Answer, stage, with,
    },
    request::{ClientIp, peer_addr},
    support::networks::{IntoNetwork, Networks},
    wire::{ConfigError, Problem},
};

const NAME: &str = "with_client_ip";
const POLICY: &str = "ClientIpSource";

/// Determines the address of the client and provides it as [`ClientIp`]; see the [module](super).
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

/// Where to find the address of the client: the policy of [`with_client_ip`].
///
/// There is no default: the right source depends on the proxies in front of the server, and with a
/// wrong one clients can choose their address. The [module](super) explains which one to use.
///
/// # Example
///
/// ```
/// use wythe::{ClientIpSource, networks::private_networks};
///
/// let no_proxy = ClientIpSource::peer();
/// let behind_fly = ClientIpSource::header("fly-client-ip")?;
/// let behind_nginx = ClientIpSource::x_forwarded_for(["10.0.0.5", "2001:db8:5::/48"])?;
/// let in_a_cluster = ClientIpSource::x_forwarded_for(private_networks())?;
/// let behind_an_alb = ClientIpSource::x_forwarded_for_behind(1)?;
///
/// // A list is not a single address.
/// assert!(ClientIpSource::header("x-forwarded-for").is_err());
/// // If everyone is trusted, all clients can choose their address.
/// assert!(ClientIpSource::x_forwarded_for(["0.0.0.0/0"]).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct ClientIpSource {
    source: Arc<AddressField>,
    /// Whether a proxy may be the client.
    own_requests: bool,
    /// Networks of peers for which another source is used. The first that has the peer counts.
    entrances: Arc<[(Networks, Self)]>,
}

impl ClientIpSource {
    /// The other end of the connection: there is no proxy in front of the server.
    ///
    /// Behind a proxy, all clients would have its address.
    pub fn peer() -> Self {
        Self::at(AddressField::Peer)
    }

    /// The last value of a field with a single address, which the proxy overwrites:
    /// `Fly-Client-IP`, `CF-Connecting-IP`, or `X-Real-IP` of an nginx that sets it.
    ///
    /// # Errors
    ///
    /// It is not a field name, or the name of a field with another content: `X-Forwarded-For` and
    /// `Forwarded` are lists, which have constructors of their own, and `CloudFront-Viewer-Address`
    /// joins address and port, which are ambiguous for IPv6.
    ///
    /// # Security
    ///
    /// The peer is not checked: a client that reaches the server without the proxy can choose its
    /// address, so only the proxy may reach the server. If the proxy passes the field on unchanged,
    /// every client can choose its address: most proxies do that with fields that they do not know,
    /// and some do it with `True-Client-IP` and `X-Client-IP`.
    pub fn header(name: &str) -> Result<Self, ConfigError> {
        let name: HeaderName = name
            .parse()
            .map_err(|source| error(format!("{name:?} is not a field name")).because(source))?;
        let instead = match name.as_str() {
            X_FORWARDED_FOR => "is a list: use `ClientIpSource::x_forwarded_for(..)`",
            FORWARDED => "is a list: use `ClientIpSource::forwarded(..)`",
            "cloudfront-viewer-address" => {
                "joins address and port without brackets: use `X-Forwarded-For`"
            }
            _ => return Ok(Self::at(AddressField::Header(name))),
        };
        Err(error(format!("`{name}` {instead}")))
    }

    /// The last address in `X-Forwarded-For` that is not in these networks of trusted proxies.
    ///
    /// If the peer is not in them either, it is the client, and the field is not read.
    ///
    /// # Errors
    ///
    /// The list is empty, an element is not a network (see
    /// [`IntoNetwork`](crate::networks::IntoNetwork)), or all of IPv4 or IPv6 would be trusted.
    pub fn x_forwarded_for<I>(trusted: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        Self::with_trusted(ListField::XForwardedFor, trusted)
    }

    /// The last address of `Forwarded` (RFC 7239) that is in none of these networks of trusted
    /// proxies.
    ///
    /// If the peer is in none of them, it is the client, and the field is not read.
    ///
    /// # Errors
    ///
    /// As for [`x_forwarded_for`](Self::x_forwarded_for).
    pub fn forwarded<I>(trusted: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        Self::with_trusted(ListField::Forwarded, trusted)
    }

    /// The address in `X-Forwarded-For` that the outermost of this number of proxies has appended:
    /// behind one, the last; behind two, the second to last.
    ///
    /// # Errors
    ///
    /// The number is 0: without a proxy, [`peer`](Self::peer) is the client.
    ///
    /// # Security
    ///
    /// The peer is not checked. If there are fewer proxies, or a way around one, clients can choose
    /// their address. If the addresses of the proxies are known,
    /// [`x_forwarded_for`](Self::x_forwarded_for) is safer.
    pub fn x_forwarded_for_behind(proxies: u32) -> Result<Self, ConfigError> {
        Self::with_hops(ListField::XForwardedFor, proxies)
    }

    /// The address in `Forwarded` (RFC 7239) that the outermost of this number of proxies has
    /// appended.
    ///
    /// # Errors
    ///
    /// The number is 0: without a proxy, [`peer`](Self::peer) is the client.
    ///
    /// # Security
    ///
    /// As for [`x_forwarded_for_behind`](Self::x_forwarded_for_behind).
    pub fn forwarded_behind(proxies: u32) -> Result<Self, ConfigError> {
        Self::with_hops(ListField::Forwarded, proxies)
    }

    /// Uses another source for requests that come from a peer in these networks: for a server with
    /// several entrances, such as a load balancer and a tunnel, that report the address of the client
    /// in different ways. Of several calls, the first whose networks have the peer counts.
    ///
    /// The peer decides, not the fields of the request, because clients can send those themselves. If
    /// both ways end at the same proxy, so that the peer is always that proxy, use one list: trust the
    /// networks of all proxies in [`x_forwarded_for`](Self::x_forwarded_for).
    ///
    /// # Example: a load balancer and a tunnel
    ///
    /// ```
    /// use wythe::ClientIpSource;
    ///
    /// let tunnel = ClientIpSource::header("cf-connecting-ip")?;
    /// let source = ClientIpSource::x_forwarded_for(["10.0.1.0/24"])?
    ///     .for_peers(["10.0.2.0/24"], tunnel)?;
    /// # Ok::<(), wythe::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The list is empty, an element is not a network, or all of IPv4 or IPv6 is in it.
    pub fn for_peers<I>(mut self, peers: I, source: Self) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let peers = Networks::of_proxies(peers, POLICY, "leave `for_peers` out")?;
        let entrances = self.entrances.iter().cloned();
        self.entrances = entrances.chain([(peers, source)]).collect();
        Ok(self)
    }

    /// Takes a proxy as the client if no proxy has sent another address: the peer if the field is
    /// missing, or the first address of a list with only trusted ones.
    ///
    /// It is for health checks, and for machines in the network of the proxies that call each other,
    /// if their routes can't be served without this layer and the proxies can't be listed alone.
    ///
    /// # Security
    ///
    /// If a proxy stops sending the field, all clients have the address of the proxy: they share its
    /// limits, and pass wherever it is allowed. A client can cause this if a proxy removes the fields
    /// that `Connection` lists (RFC 9110, section 7.6.1) after it has added its own.
    pub const fn dangerously_allow_proxies_as_clients(mut self) -> Self {
        self.own_requests = true;
        self
    }

    fn with_trusted<I>(list: ListField, trusted: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let trusted = Networks::of_proxies(trusted, POLICY, "use `ClientIpSource::peer()`")?;
        Ok(Self::at(AddressField::List(
            list,
            ProxyHops::Trusted(trusted),
        )))
    }

    fn with_hops(list: ListField, proxies: u32) -> Result<Self, ConfigError> {
        let Some(last) = proxies.checked_sub(1) else {
            return Err(error(
                "the number of proxies is 0: use `ClientIpSource::peer()`",
            ));
        };
        Ok(Self::at(AddressField::List(list, ProxyHops::Skipped(last))))
    }

    fn at(source: AddressField) -> Self {
        Self {
            source: Arc::new(source),
            own_requests: false,
            entrances: Arc::default(),
        }
    }

    /// The client of a request, or why it is not known, for the log.
    fn find<B>(&self, request: &Request<B>, peer: Option<IpAddr>) -> Result<IpAddr, String> {
        if !self.entrances.is_empty() {
            let Some(peer) = peer else {
                return Err(AddressField::Peer.explain(Fault::NoPeer));
            };
            let mut entrances = self.entrances.iter();
            let entrance = entrances.find(|(peers, _)| peers.contains(peer.to_canonical()));
            if let Some((_, source)) = entrance {
                return source.find(request, Some(peer));
            }
        }
        let found = self.source.find(request.headers(), peer, self.own_requests);
        found.map_err(|fault| self.source.explain(fault))
    }
}

impl Place for ClientIpSource {
    type Stage = stage::Admit;
    type Provides = Always<ClientIp>;
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let when = match *self.source {
            AddressField::Peer if self.entrances.is_empty() => {
                "when the address of the peer is not known"
            }
            _ => "when the proxies do not send the address of the client",
        };
        let unknown = Answer::new(StatusCode::INTERNAL_SERVER_ERROR).when(when);
        Description::new(self.name()).answer(unknown)
    }
}

impl<B> Middleware<B> for ClientIpSource {
    type Carry = ();

    fn before(&self, mut request: Request<B>) -> Later<Step<B, ()>> {
        let peer = peer_addr(request.extensions()).map(|peer| peer.ip());
        match self.find(&request, peer) {
            Ok(address) => {
                #[cfg(feature = "trace")]
                if let Some(span) = RequestSpan::of(request.extensions()) {
                    span.record_client(address);
                }
                request.extensions_mut().insert(ClientIp(address));
                Step::next(request, ())
            }
            Err(reason) => Step::reply(Problem::misconfigured(reason)),
        }
    }
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(POLICY, message)
}

impl fmt::Debug for ClientIpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ClientIpSource");
        shown.field("source", &self.source);
        shown.field("own_requests", &self.own_requests);
        let sources: Vec<_> = self.entrances.iter().map(|(_, source)| source).collect();
        if !sources.is_empty() {
            shown.field("entrances", &sources);
        }
        shown.finish()
    }
}
