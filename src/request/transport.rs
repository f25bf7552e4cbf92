//! Whether a request came over TLS: [`Transport`].

use std::{fmt, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Request, header, request::Parts};

use super::{NO_PEER_ADDR, peer_addr};
use crate::{
    support::networks::{IntoNetwork, Networks},
    wire::{
        ConfigError,
        field::{
            forwarded::{self, Element},
            forwarded_for::Node,
        },
    },
};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How to tell whether a request came over TLS, for `with_https_only` and the field
/// `Strict-Transport-Security`.
///
/// There is no default: the right way depends on what is in front of the server, and with a wrong one
/// clients can pretend to have used TLS.
///
/// # Example
///
/// ```
/// use wythe::{Transport, networks::private_networks};
///
/// let own_tls = Transport::tls();
/// let behind_nginx = Transport::x_forwarded_proto(["10.0.0.5", "2001:db8:5::/48"])?;
/// let in_a_cluster = Transport::forwarded(private_networks())?;
///
/// // If everyone is trusted, all clients can pretend.
/// assert!(Transport::x_forwarded_proto(["0.0.0.0/0"]).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
///
/// # What is read
///
/// - `X-Forwarded-Proto`: each entry of each line must be `https`, or `wss`, which some proxies write for
///   WebSocket connections. An entry that a client has sent can only make its request count as plain.
/// - `Forwarded` (RFC 7239): the `proto` that the outermost trusted proxy has written, as for the address
///   of the client.
/// - A request from a proxy without the field counts as plain, and so does one from a peer that is not
///   trusted.
/// - The scheme in the target of a request is never used: the client chooses it.
#[derive(Clone)]
#[must_use]
pub struct Transport(Arc<SchemeSource>);

enum SchemeSource {
    Tls,
    /// The field from any peer.
    AnyPeer,
    /// The field from these peers.
    XForwardedProto(Networks),
    Forwarded(Networks),
}

impl Transport {
    /// Every request comes over TLS: the listener accepts nothing else.
    pub fn tls() -> Self {
        Self(Arc::new(SchemeSource::Tls))
    }

    /// `X-Forwarded-Proto`, if the peer is in these networks of trusted proxies.
    ///
    /// # Errors
    ///
    /// The list is empty, an element is not a network (see
    /// [`IntoNetwork`](crate::networks::IntoNetwork)), or all of IPv4 or IPv6 would be trusted.
    pub fn x_forwarded_proto<I>(trusted: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let trusted = Networks::of_proxies(trusted, "Transport", WITHOUT_PROXY)?;
        Ok(Self(Arc::new(SchemeSource::XForwardedProto(trusted))))
    }

    /// `Forwarded` (RFC 7239), if the peer is in these networks of trusted proxies.
    ///
    /// # Errors
    ///
    /// As for [`x_forwarded_proto`](Self::x_forwarded_proto).
    pub fn forwarded<I>(trusted: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let trusted = Networks::of_proxies(trusted, "Transport", WITHOUT_PROXY)?;
        Ok(Self(Arc::new(SchemeSource::Forwarded(trusted))))
    }

    /// `X-Forwarded-Proto` of any peer: for platforms whose proxies have changing addresses, such as AWS ALB
    /// and Fly.io.
    ///
    /// # Security
    ///
    /// The peer is not checked. Only the proxies may be able to reach the server, and they must overwrite
    /// the field or append to it.
    pub fn x_forwarded_proto_of_any_peer() -> Self {
        Self(Arc::new(SchemeSource::AnyPeer))
    }

    /// Whether the request came over TLS, or what is missing in the set-up of the server.
    pub(crate) fn is_secure<B>(&self, request: &Request<B>) -> Result<bool, &'static str> {
        let is_trusted = |networks: &Networks| -> Result<bool, &'static str> {
            let peer = peer_addr(request.extensions()).ok_or(NO_PEER_ADDR)?;
            Ok(networks.contains(peer.ip().to_canonical()))
        };
        match &*self.0 {
            SchemeSource::Tls => Ok(true),
            SchemeSource::AnyPeer => Ok(is_https(request.headers())),
            SchemeSource::XForwardedProto(networks) => {
                Ok(is_trusted(networks)? && is_https(request.headers()))
            }
            SchemeSource::Forwarded(networks) => {
                Ok(is_trusted(networks)? && is_forwarded_https(request.headers(), networks))
            }
        }
    }

    /// Makes a test request count as one over plain `http`, if a field can do that.
    pub(crate) fn plain(&self) -> Option<fn(&mut Parts)> {
        match &*self.0 {
            SchemeSource::Tls => None,
            SchemeSource::AnyPeer | SchemeSource::XForwardedProto(_) => Some(|request| {
                let plain = HeaderValue::from_static("http");
                request.headers.insert(X_FORWARDED_PROTO, plain);
            }),
            SchemeSource::Forwarded(_) => Some(|request| {
                let plain = HeaderValue::from_static("proto=http");
                request.headers.insert(header::FORWARDED, plain);
            }),
        }
    }

    /// Whether a request can have come over plain `http`.
    pub(crate) fn is_ever_plain(&self) -> bool {
        !matches!(&*self.0, SchemeSource::Tls)
    }

    /// Whether the peer of a request has to be known.
    pub(crate) fn needs_peer(&self) -> bool {
        matches!(
            &*self.0,
            SchemeSource::XForwardedProto(_) | SchemeSource::Forwarded(_)
        )
    }
}

/// What to write where clients connect to the server itself.
const WITHOUT_PROXY: &str = "use `Transport::tls()`, or leave the layer out";

fn is_https(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(X_FORWARDED_PROTO).iter().peekable();
    let secure = |entry: &[u8]| forwarded::is_secure_scheme(entry.trim_ascii());
    lines.peek().is_some()
        && lines.all(|line| line.as_bytes().split(|byte| *byte == b',').all(secure))
}

fn is_forwarded_https(headers: &HeaderMap, trusted: &Networks) -> bool {
    let lines = headers.get_all(header::FORWARDED).iter().rev();
    let elements = lines.flat_map(|line| forwarded::elements_from_the_right(line.as_bytes()));
    let mut is_secure = false;
    for element in elements {
        let Some(Element { node, secure }) = element else {
            return false;
        };
        is_secure = secure == Some(true);
        // The client may have written anything further left.
        if !matches!(node, Some(Node::Address(address)) if trusted.contains(address)) {
            break;
        }
    }
    is_secure
}

/// How many networks are trusted, not which.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            SchemeSource::Tls => f.write_str("Transport(TLS)"),
            SchemeSource::AnyPeer => f.write_str("Transport(X-Forwarded-Proto of any peer)"),
            SchemeSource::XForwardedProto(trusted) => {
                write!(
                    f,
                    "Transport(X-Forwarded-Proto of {} networks)",
                    trusted.listed()
                )
            }
            SchemeSource::Forwarded(trusted) => {
                write!(f, "Transport(Forwarded of {} networks)", trusted.listed())
            }
        }
    }
}
