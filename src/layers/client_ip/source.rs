//! Says where the address of the client is found: [`ClientIpSource`].

use std::{fmt, sync::Arc};

use http::HeaderName;

use super::find::{FORWARDED, Hops, List, Source, X_FORWARDED_FOR};
use crate::{
    support::networks::{IntoNetwork, Networks},
    wire::ConfigError,
};

/// Where the address of the client is found: the policy of
/// [`with_client_ip`](super::with_client_ip).
///
/// There is no default: which of these is right depends on what stands in front of the server, and
/// every other lets clients choose their address. The [module's page](super) says which to take.
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
/// // A list is no single address.
/// assert!(ClientIpSource::header("x-forwarded-for").is_err());
/// // Whoever trusts everyone lets everyone choose.
/// assert!(ClientIpSource::x_forwarded_for(["0.0.0.0/0"]).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct ClientIpSource {
    pub(super) source: Arc<Source>,
    /// Whether a proxy may be the client.
    pub(super) own_requests: bool,
}

impl ClientIpSource {
    /// The other end of the connection: no proxy stands in front of the server.
    ///
    /// Behind a proxy, all clients have its address.
    pub fn peer() -> Self {
        Self::at(Source::Peer)
    }

    /// The last value of a field that holds one address, and that the proxy overwrites:
    /// `Fly-Client-IP`, `CF-Connecting-IP`, or `X-Real-IP` of an nginx that sets it.
    ///
    /// # Errors
    ///
    /// If it is no field name, or one of a field that holds something else:
    /// `X-Forwarded-For` and `Forwarded` hold lists, which have constructors of their own, and
    /// `CloudFront-Viewer-Address` joins address and port, which can't be told apart for IPv6.
    ///
    /// # Security
    ///
    /// The peer is not checked: whoever reaches the server without the proxy chooses its address,
    /// so only the proxy may reach it. And a proxy that leaves the field as it came lets each
    /// client choose: that is what most do with fields that are not theirs, and some with
    /// `True-Client-IP` and `X-Client-IP`.
    pub fn header(name: &str) -> Result<Self, ConfigError> {
        let name: HeaderName = name
            .parse()
            .map_err(|source| error(format!("{name:?} is no field name")).because(source))?;
        let instead = match name.as_str() {
            X_FORWARDED_FOR => "is a list: `ClientIpSource::x_forwarded_for(..)` reads it",
            FORWARDED => "is a list: `ClientIpSource::forwarded(..)` reads it",
            "cloudfront-viewer-address" => {
                "joins address and port without brackets: take `X-Forwarded-For`"
            }
            _ => return Ok(Self::at(Source::Header(name))),
        };
        Err(error(format!("`{name}` {instead}")))
    }

    /// The last address of `X-Forwarded-For` that is in none of these networks of trusted proxies.
    ///
    /// If the peer is in none of them, it is the client, and the field is not read.
    ///
    /// # Errors
    ///
    /// If the list is empty, if one of it is no network (see
    /// [`IntoNetwork`](crate::networks::IntoNetwork)), or if all of IPv4 or IPv6 would be trusted.
    pub fn x_forwarded_for<I>(trusted: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        Self::past(List::XForwardedFor, trusted)
    }

    /// The last address of `Forwarded` (RFC 7239) that is in none of these networks of trusted
    /// proxies.
    ///
    /// If the peer is in none of them, it is the client, and the field is not read.
    ///
    /// # Errors
    ///
    /// As [`x_forwarded_for`](Self::x_forwarded_for).
    pub fn forwarded<I>(trusted: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        Self::past(List::Forwarded, trusted)
    }

    /// The address in `X-Forwarded-For` that the outermost of so many proxies has appended: behind
    /// one, the last; behind two, the last but one.
    ///
    /// # Errors
    ///
    /// If it is 0: without a proxy, [`peer`](Self::peer) is the client.
    ///
    /// # Security
    ///
    /// The peer is not checked. A proxy less than that, or a way around one, and each client
    /// chooses its address. Where the addresses of the proxies are known,
    /// [`x_forwarded_for`](Self::x_forwarded_for) is safer.
    pub fn x_forwarded_for_behind(proxies: u32) -> Result<Self, ConfigError> {
        Self::behind(List::XForwardedFor, proxies)
    }

    /// The address in `Forwarded` (RFC 7239) that the outermost of so many proxies has appended.
    ///
    /// # Errors
    ///
    /// If it is 0: without a proxy, [`peer`](Self::peer) is the client.
    ///
    /// # Security
    ///
    /// As [`x_forwarded_for_behind`](Self::x_forwarded_for_behind).
    pub fn forwarded_behind(proxies: u32) -> Result<Self, ConfigError> {
        Self::behind(List::Forwarded, proxies)
    }

    /// Takes a proxy for the client where no proxy has said who is: the peer if the field is
    /// missing, or the first address of a list that has only trusted ones.
    ///
    /// It is for health checks and machines that call each other by the proxies' network, where
    /// their routes can't be served without this layer, and the proxies can't be listed alone.
    ///
    /// # Security
    ///
    /// If a proxy ceases to send the field, each client has the proxy's address: they share its
    /// limits, and pass where it is allowed. A client can bring that about where a proxy removes
    /// the fields that `Connection` names (RFC 9110, section 7.6.1) after it has added its own.
    pub const fn dangerously_allow_proxies_as_clients(mut self) -> Self {
        self.own_requests = true;
        self
    }

    fn past<I>(list: List, trusted: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let trusted = Networks::from_list(trusted)?;
        if trusted.listed() == 0 {
            return Err(error(
                "no proxy is trusted: without a proxy, take `ClientIpSource::peer()`",
            ));
        }
        if trusted.has_every_address() {
            return Err(error(
                "every address is trusted, so that each client could choose its own: list the \
                 networks of the proxies alone",
            ));
        }
        Ok(Self::at(Source::List(list, Hops::Trusted(trusted))))
    }

    fn behind(list: List, proxies: u32) -> Result<Self, ConfigError> {
        let Some(last) = proxies.checked_sub(1) else {
            return Err(error("without a proxy, take `ClientIpSource::peer()`"));
        };
        Ok(Self::at(Source::List(list, Hops::Skipped(last))))
    }

    fn at(source: Source) -> Self {
        Self {
            source: Arc::new(source),
            own_requests: false,
        }
    }
}

impl fmt::Debug for ClientIpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIpSource")
            .field("source", &self.source)
            .field("own_requests", &self.own_requests)
            .finish()
    }
}

fn error(message: impl Into<std::borrow::Cow<'static, str>>) -> ConfigError {
    ConfigError::new("ClientIpSource", message)
}
