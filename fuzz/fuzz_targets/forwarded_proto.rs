//! `Transport`: what the outermost trusted proxy has written decides whether a request came over TLS,
//! whatever the client has sent before. Each line of the client's input is a field line.
#![no_main]

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::LazyLock,
};

use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use wythe::{HttpsOnly, PeerAddr, Transport, With, networks::private_networks, with_https_only};
use wythe_fuzz::{Handler, send};

const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

static LAYERS: LazyLock<[With<HttpsOnly>; 2]> = LazyLock::new(|| {
    [
        Transport::forwarded(private_networks()).unwrap(),
        Transport::x_forwarded_proto(private_networks()).unwrap(),
    ]
    .map(|transport| with_https_only(HttpsOnly::by(transport)))
});

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// What the outermost proxy has seen: TLS or not, and whether it writes a line of its own.
    secure: bool,
    own_line: bool,
    /// A second proxy, and what it has seen.
    inner: Option<bool>,
    theirs: &'a [u8],
}

const fn scheme(secure: bool) -> &'static str {
    if secure { "https" } else { "http" }
}

/// Whether a request with these lines passes.
fn passes(layer: &With<HttpsOnly>, name: &HeaderName, lines: &[HeaderValue]) -> bool {
    let mut request = Request::new(Default::default());
    for line in lines {
        request.headers_mut().append(name, line.clone());
    }
    let peer = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), 1));
    request.extensions_mut().insert(PeerAddr(peer));
    match send(layer, request, Handler::default()).status() {
        StatusCode::OK => true,
        StatusCode::FORBIDDEN => false,
        other => panic!("{other}"),
    }
}

/// The client's lines, and what a proxy appends: to the last of them, or in a line of its own.
fn appended(theirs: &[u8], own_line: bool, text: &str) -> Option<Vec<HeaderValue>> {
    let mut lines: Vec<_> = theirs
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    match lines.last_mut() {
        Some(last) if !own_line => {
            last.extend_from_slice(b", ");
            last.extend_from_slice(text.as_bytes());
        }
        _ => lines.push(text.into()),
    }
    let lines = lines.iter().map(|line| HeaderValue::from_bytes(line));
    lines.collect::<Result<_, _>>().ok()
}

fuzz_target!(|input: Input<'_>| {
    let Input {
        secure,
        own_line,
        inner,
        theirs,
    } = input;
    let [forwarded, proto] = &*LAYERS;

    let mut text = format!("for=203.0.113.9;proto={}", scheme(secure));
    if let Some(inner) = inner {
        text.push_str(&format!(", for=10.0.0.2;proto={}", scheme(inner)));
    }
    if let Some(lines) = appended(theirs, own_line, &text) {
        assert_eq!(
            passes(forwarded, &header::FORWARDED, &lines),
            secure,
            "{lines:?}"
        );
    }

    // A client can make its request count as plain, but never as one over TLS.
    if let Some(lines) = appended(theirs, own_line, scheme(secure)) {
        assert!(!passes(proto, &PROTO, &lines) || secure, "{lines:?}");
    }
});
