//! Requests through proxies, and whom `with_client_ip` takes for the client.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use wythe::{ClientIp, ClientIpSource, PeerAddr, networks::private_networks, with_client_ip};

use crate::{Handler, send};

/// The peer of every request, which is trusted.
pub const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5));

/// What a proxy appends: the address that a request came from, in some form.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Hop {
    /// Of a trusted proxy: 10.0.0.0/8, or fd00::/8.
    pub address: IpAddr,
    pub form: u8,
    /// Whether it appends a line of its own.
    pub own_line: bool,
}

/// The proxies between client and server, the outermost first.
#[derive(Arbitrary, Debug)]
pub struct Proxies {
    pub client: Hop,
    pub inner: Vec<Hop>,
}

impl Proxies {
    /// What the proxies append: the client's address, then those of all proxies but the last.
    pub fn hops(&self) -> impl Iterator<Item = Hop> {
        let inner = self.inner.iter().take(4).map(|hop| {
            let address = match hop.address {
                IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(
                    address.to_bits() & 0x00ff_ffff | 0x0a00_0000,
                )),
                IpAddr::V6(address) => {
                    let bits = address.to_bits() & (u128::MAX >> 8) | 0xfd << 120;
                    IpAddr::V6(bits.into())
                }
            };
            Hop { address, ..*hop }
        });
        [self.client].into_iter().chain(inner)
    }

    /// The lines that reach the server, where the client has sent `theirs`; nothing if these can't
    /// be lines.
    pub fn lines(&self, theirs: &[u8], write: impl Fn(Hop) -> String) -> Option<Vec<HeaderValue>> {
        let mut lines: Vec<Vec<u8>> = match theirs {
            [] => Vec::new(),
            theirs => theirs
                .split(|byte| *byte == b'\n')
                .map(<[u8]>::to_vec)
                .collect(),
        };
        for hop in self.hops() {
            let text = write(hop).into_bytes();
            match lines.last_mut() {
                Some(line) if !hop.own_line => {
                    line.extend_from_slice(b", ");
                    line.extend(text);
                }
                _ => lines.push(text),
            }
        }
        let lines = lines.into_iter().map(|line| HeaderValue::from_bytes(&line));
        lines.collect::<Result<_, _>>().ok()
    }
}

impl Proxies {
    /// The number of entries that they append.
    pub fn count(&self) -> u32 {
        self.hops().count() as u32
    }

    /// Checks that the client is whom the proxies name, by their number and by their networks,
    /// whatever it has sent itself; `false` if what it has sent can't be lines.
    pub fn are_believed(
        &self,
        name: &HeaderName,
        behind: &ClientIpSource,
        trusted: &ClientIpSource,
        theirs: &[u8],
        write: impl Fn(Hop) -> String,
    ) -> bool {
        let Some(lines) = self.lines(theirs, &write) else {
            return false;
        };
        let named = self.client.address.to_canonical();
        let broadcast = IpAddr::from([255; 4]);
        if named.is_unspecified() || named.is_multicast() || named == broadcast {
            assert_eq!(client(behind, name, &lines), None);
            assert_eq!(client(trusted, name, &lines), None);
            return true;
        }
        assert_eq!(client(behind, name, &lines), Some(named));

        // Without anything on the left, and with it. If the client is in the proxies' networks,
        // what it has sent is read as well: it may be one.
        let alone = self.lines(&[], &write).unwrap();
        let private = private_networks();
        if private.iter().any(|network| network.contains(named)) {
            assert_eq!(client(trusted, name, &alone), None);
        } else {
            assert_eq!(client(trusted, name, &alone), Some(named));
            assert_eq!(client(trusted, name, &lines), Some(named));
        }
        true
    }
}

/// The client by this source, of a request from [`PROXY`]; nothing if it is refused, which is
/// well-formed and says nothing.
pub fn client(source: &ClientIpSource, name: &HeaderName, lines: &[HeaderValue]) -> Option<IpAddr> {
    let mut request = Request::new(Default::default());
    let lines = lines.iter().map(|line| (name.clone(), line.clone()));
    *request.headers_mut() = HeaderMap::new();
    for (name, line) in lines {
        request.headers_mut().append(name, line);
    }
    request
        .extensions_mut()
        .insert(PeerAddr(SocketAddr::new(PROXY, 80)));
    let response = send(&with_client_ip(source.clone()), request, Handler::default());
    if let Some(ClientIp(address)) = response.extensions().get() {
        assert_eq!(response.status(), 200);
        assert_eq!(*address, address.to_canonical());
        return Some(*address);
    }
    assert_eq!(response.status(), 500);
    None
}
