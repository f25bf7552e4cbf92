//! Which hosts are served: [`with_hosts`] and its policy, [`Hosts`].

use std::{borrow::Cow, fmt, net::Ipv6Addr, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};

use crate::{
    contract::{
        Description, IntoPolicy, Later, Middleware, Place, Step, With, description::Answer, stage,
        with,
    },
    request::{NO_PEER_ADDR, RequestHead, peer_addr},
    support::networks::{IntoNetwork, Networks},
    wire::{
        ConfigError, Problem,
        field::{only_line, origin},
    },
};

/// The name of the layer.
const NAME: &str = "with_hosts";

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Serves only the hosts of a list; see [`hosts`](crate::hosts).
pub fn with_hosts(hosts: impl IntoPolicy<Hosts>) -> With<Hosts> {
    with(hosts.into_policy())
}

/// The hosts that are served: the policy of [`with_hosts`].
///
/// # Example
///
/// ```
/// use wythe::{Hosts, with_hosts};
///
/// let hosts = Hosts::list(["example.com", "*.example.com", "localhost:*", "[::1]:8080"])?;
/// let layer = with_hosts(hosts);
///
/// // A list that allows everything checks nothing.
/// assert!(Hosts::list(["*"]).is_err());
/// # Ok::<(), wythe::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Hosts(Arc<HostPolicy>);

#[derive(Clone)]
struct HostPolicy {
    patterns: Vec<Pattern>,
    /// The proxies whose `X-Forwarded-Host` counts.
    proxies: Option<Networks>,
    malformed: Problem,
    misdirected: Problem,
}

impl Hosts {
    /// Hosts, each with or without a port:
    ///
    /// | | serves |
    /// |---|---|
    /// | `example.com` | the host without a port, or with 80 or 443 |
    /// | `example.com:8443` | the host with this port |
    /// | `example.com:*` | the host with any port, or none |
    /// | `*.example.com` | its subdomains at any depth, but not itself |
    /// | `192.0.2.7`, `[2001:db8::7]` | an address, an IPv6 address in any spelling |
    ///
    /// # Errors
    ///
    /// The list is empty, or an element is not one of these: it has a scheme, a path, an empty label, a dot
    /// at the end, or another `*`. A name that is not ASCII is written in its `xn--` form, as browsers send
    /// it.
    pub fn list<I>(hosts: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut patterns = Vec::new();
        for host in hosts {
            let host = host.as_ref();
            let pattern = Pattern::parse(host);
            patterns.push(pattern.map_err(|fault| error(format!("`{host}`: {fault}")))?);
        }
        if patterns.is_empty() {
            return Err(error("an empty list would reject every request"));
        }
        Ok(Self(Arc::new(HostPolicy {
            patterns,
            proxies: None,
            malformed: Problem::new(StatusCode::BAD_REQUEST)
                .reason("host")
                .detail("The request must name one valid host."),
            misdirected: Problem::new(StatusCode::MISDIRECTED_REQUEST)
                .reason("unknown_host")
                .detail("This server does not serve the host of the request."),
        })))
    }

    /// Checks `X-Forwarded-Host` instead, if the peer is in these networks of trusted proxies and sends it.
    ///
    /// # Security
    ///
    /// The proxies must overwrite the field. If they pass on the client's field, the client chooses
    /// what is checked.
    ///
    /// # Errors
    ///
    /// The list is empty, an element is not a network (see
    /// [`IntoNetwork`](crate::networks::IntoNetwork)), or all of IPv4 or IPv6 would be trusted.
    pub fn x_forwarded_host<I>(mut self, trusted: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item: IntoNetwork>,
    {
        let trusted = Networks::of_proxies(trusted, "Hosts", "leave `x_forwarded_host(..)` out")?;
        Arc::make_mut(&mut self.0).proxies = Some(trusted);
        Ok(self)
    }
}

fn error(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new("Hosts", message)
}

impl Place for Hosts {
    type Stage = stage::Entrance;
    type Provides = ();
    type Needs = ();

    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> Description {
        let patterns = self.0.patterns.iter().map(ToString::to_string);
        let patterns: Vec<_> = patterns.collect();
        let malformed = Answer::of(&self.0.malformed)
            .when("without one valid host")
            .provoked_by(|request| {
                let invalid = HeaderValue::from_static("not a host");
                request.headers.insert(header::HOST, invalid);
            });
        let misdirected = Answer::of(&self.0.misdirected)
            .when(format!("to a host other than {}", patterns.join(", ")))
            .provoked_by(|request| {
                // No name of a list ends like this (RFC 2606, section 2).
                let unknown = HeaderValue::from_static("unknown.invalid");
                request.headers.insert(header::HOST, unknown);
            });
        let description = Description::new(self.name())
            .answer(malformed)
            .answer(misdirected);
        if self.0.proxies.is_none() {
            return description;
        }
        let unknown = Answer::new(StatusCode::INTERNAL_SERVER_ERROR);
        description.answer(unknown.when("when the server does not provide the address of the peer"))
    }
}

impl<B> Middleware<B> for Hosts {
    type Carry = ();

    fn before(&self, request: Request<B>) -> Later<Step<B, ()>> {
        let Self(policy) = self;
        let forwarded = match &policy.proxies {
            None => false,
            Some(proxies) => match peer_addr(request.extensions()) {
                Some(peer) => proxies.contains(peer.ip().to_canonical()),
                None => return Step::reply(Problem::misconfigured(NO_PEER_ADDR)),
            },
        };
        match named_host(&RequestHead::from(&request), forwarded) {
            None => Step::reply(policy.malformed.clone()),
            Some(host) if policy.patterns.iter().any(|pattern| pattern.matches(&host)) => {
                Step::next(request, ())
            }
            Some(_) => Step::reply(policy.misdirected.clone()),
        }
    }
}

/// The host of a request, if it names exactly one.
fn named_host<'a>(head: &RequestHead<'a>, forwarded: bool) -> Option<Host<'a>> {
    let own = own_host(head)?;
    if !forwarded {
        return Some(own);
    }
    match host_field(head.headers(), X_FORWARDED_HOST) {
        Ok(Some(named)) => Some(named),
        Ok(None) => Some(own),
        Err(Malformed) => None,
    }
}

/// The host that the request itself names.
///
/// A target with an authority, such as `:authority` in HTTP/2, takes precedence over `Host` (RFC 9112,
/// section 3.2.2; RFC 9113, section 8.3.1). A client must send the same in both, and a handler may read
/// either, so a difference is malformed (RFC 9113, section 8.3.1). `Host` must not be repeated (RFC 9112,
/// section 3.2).
fn own_host<'a>(head: &RequestHead<'a>) -> Option<Host<'a>> {
    let field = host_field(head.headers(), header::HOST).ok()?;
    let Some(authority) = head.uri().authority() else {
        return field;
    };
    let target = Host::parse(authority.as_str()).ok()?;
    match field {
        Some(field) if !field.is_same(&target) => None,
        _ => Some(target),
    }
}

/// A field or an authority that is not one valid host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Malformed;

fn host_field(headers: &HeaderMap, name: HeaderName) -> Result<Option<Host<'_>>, Malformed> {
    let line = only_line(headers, name).map_err(|_repeated| Malformed)?;
    line.map(|line| {
        let text = line.to_str().map_err(|_not_ascii| Malformed)?;
        Host::parse(text).map_err(|_fault| Malformed)
    })
    .transpose()
}

/// A host and a port, as a request names them.
#[derive(Clone, Copy, Debug)]
struct Host<'a> {
    name: &'a str,
    /// The same as a number, if it is an IPv6 address.
    address: Option<Ipv6Addr>,
    port: Option<u16>,
}

impl<'a> Host<'a> {
    fn parse(text: &'a str) -> Result<Self, origin::Fault> {
        let (name, port) = origin::split_port(text)?;
        origin::check_host(name)?;
        let port = match port {
            // A port may be empty (RFC 3986, section 3.2.3).
            None | Some("") => None,
            Some(digits) => Some(origin::port_number(digits).ok_or("the port is not a number")?),
        };
        let inside = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        Ok(Self {
            name,
            address: inside.and_then(|inside| inside.parse().ok()),
            port,
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        let same_name = match (self.address, other.address) {
            (Some(one), Some(other)) => one == other,
            _ => self.name.eq_ignore_ascii_case(other.name),
        };
        same_name
            && (self.port == other.port || (self.is_default_port() && other.is_default_port()))
    }

    /// Which of the two is the default is not known, because a proxy may terminate TLS.
    const fn is_default_port(&self) -> bool {
        matches!(self.port, None | Some(80 | 443))
    }
}

/// An element of the list.
#[derive(Clone, Debug)]
struct Pattern {
    /// In lowercase; without `*.`.
    name: String,
    address: Option<Ipv6Addr>,
    subdomains: bool,
    port: Port,
}

#[derive(Clone, Copy, Debug)]
enum Port {
    Default,
    Exactly(u16),
    Any,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, origin::Fault> {
        if text.contains("//") {
            return Err("a host has no scheme: write `example.com`");
        }
        let (rest, any_port) = match text.strip_suffix(":*") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (rest, subdomains) = match rest.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        if rest.contains('*') {
            return Err("a `*` stands for subdomains, `*.example.com`, or a port, `example.com:*`");
        }
        let host = Host::parse(rest)?;
        let is_address = host.address.is_some() || host.name.parse::<std::net::Ipv4Addr>().is_ok();
        if subdomains && is_address {
            return Err("an address has no subdomains");
        }
        let port = match host.port {
            _ if any_port => Port::Any,
            Some(port) => Port::Exactly(port),
            None => Port::Default,
        };
        Ok(Self {
            name: host.name.to_ascii_lowercase(),
            address: host.address,
            subdomains,
            port,
        })
    }

    fn matches(&self, host: &Host<'_>) -> bool {
        let port = match self.port {
            Port::Default => host.is_default_port(),
            Port::Exactly(port) => host.port == Some(port),
            Port::Any => true,
        };
        port && self.matches_name(host)
    }

    fn matches_name(&self, host: &Host<'_>) -> bool {
        if self.address.is_some() || host.address.is_some() {
            return self.address == host.address;
        }
        if !self.subdomains {
            return host.name.eq_ignore_ascii_case(&self.name);
        }
        // One label at least, and a dot.
        let split = host.name.len().checked_sub(self.name.len());
        let Some((labels, name)) = split.and_then(|at| host.name.split_at_checked(at)) else {
            return false;
        };
        labels.len() > 1 && labels.ends_with('.') && name.eq_ignore_ascii_case(&self.name)
    }
}

/// As it is written in a list.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.subdomains { "*." } else { "" })?;
        f.write_str(&self.name)?;
        match self.port {
            Port::Default => Ok(()),
            Port::Exactly(port) => write!(f, ":{port}"),
            Port::Any => f.write_str(":*"),
        }
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.0.patterns.iter().map(ToString::to_string);
        let patterns: Vec<_> = patterns.collect();
        f.debug_struct("Hosts")
            .field("list", &patterns)
            .field("proxies", &self.0.proxies.as_ref().map(Networks::listed))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{Host, Pattern};

    #[test]
    fn matches_hosts() {
        // Pattern, host, whether it matches.
        let cases = [
            ("example.com", "example.com", true),
            ("example.com", "EXAMPLE.com", true),
            ("Example.COM", "example.com", true),
            ("example.com", "example.com:", true),
            ("example.com", "example.com:443", true),
            ("example.com", "example.com:80", true),
            ("example.com", "example.com:080", true),
            ("example.com", "example.com:8443", false),
            ("example.com", "www.example.com", false),
            ("example.com", "example.com.evil.example", false),
            ("example.com", "notexample.com", false),
            ("example.com:8443", "example.com:8443", true),
            ("example.com:8443", "example.com", false),
            ("example.com:80", "example.com", false),
            ("example.com:*", "example.com", true),
            ("example.com:*", "example.com:1", true),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.EXAMPLE.com:443", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "aexample.com", false),
            ("*.example.com", "a.example.com:8443", false),
            ("*.example.com:*", "a.example.com:8443", true),
            ("localhost:*", "localhost:5173", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.70", false),
            ("[2001:db8::7]", "[2001:DB8:0::7]:443", true),
            ("[2001:db8::7]", "[2001:db8::8]", false),
            ("[::1]:8080", "[::1]:8080", true),
            ("[::1]:8080", "[::1]", false),
            ("xn--bcher-kva.example", "XN--bcher-kva.example", true),
        ];
        for (pattern, host, expected) in cases {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.to_string(), pattern.to_ascii_lowercase());
            let host = Host::parse(host).unwrap();
            assert_eq!(parsed.matches(&host), expected, "{pattern} {host:?}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_host() {
        let cases = [
            "",
            ".",
            "example.com.",
            ".example.com",
            "a..b",
            "example.com/",
            "example.com ",
            "https://example.com",
            "user@example.com",
            "example.com:x",
            "example.com:+1",
            "example.com:65536",
            "example.com:1:2",
            "2130706433",
            "0x7f.1",
            "1.2.3",
            "::1",
            "[::1",
            "[::1]x",
            "[fe80::1%25eth0]",
            "[v1.x]",
            "b\u{fc}cher.example",
            "a,b",
            "a%2eb",
        ];
        for text in cases {
            assert!(Host::parse(text).is_err(), "{text}");
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        for text in [
            "*",
            "*.",
            "*.*",
            "a.*.b",
            "*a.b",
            "*.192.0.2.7",
            "*.[::1]",
            "*:80",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
