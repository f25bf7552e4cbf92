//! `Forwarded`: the client is the one that the outermost trusted proxy named, whatever the client
//! sent before, including an unmatched quotation mark. Each line of the client's input is a field
//! line.
#![no_main]

use std::{net::IpAddr, sync::LazyLock};

use http::{HeaderName, HeaderValue, header};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use wythe::{ClientIpSource, networks::private_networks};
use wythe_fuzz::{Hop, Proxies, client};

const NAME: HeaderName = header::FORWARDED;

static TRUSTED: LazyLock<ClientIpSource> =
    LazyLock::new(|| ClientIpSource::forwarded(private_networks()).unwrap());

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    proxies: Proxies,
    /// The text of another parameter of each element.
    text: &'a str,
    theirs: &'a [u8],
}

/// A quoted string; either only the characters that must be escaped are, or all are.
fn quoted(text: &str, all: bool) -> String {
    let mut out = String::from('"');
    for c in text.chars().filter(|c| matches!(c, ' '..='~')) {
        if all || matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

fn write(hop: Hop, text: &str) -> String {
    let bit = |n: u8| hop.form >> n & 1 == 1;
    let host = match hop.address {
        IpAddr::V4(address) if bit(0) => format!("{address}:{}", hop.form),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) if bit(0) => format!("[{address}]:{}", hop.form),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let is_token = hop.address.is_ipv4() && !bit(0);
    let value = if is_token && bit(1) {
        host
    } else {
        quoted(&host, bit(2))
    };
    let node = format!("{}={value}", if bit(3) { "For" } else { "for" });
    let other = format!("ext={}", quoted(text, bit(4)));
    match hop.form >> 5 & 3 {
        0 => node,
        1 => format!("{node};{other}"),
        2 => format!("{other}; {node};proto=https"),
        _ => format!(";{other};{node};"),
    }
}

fuzz_target!(|input: Input<'_>| {
    let Input {
        proxies,
        text,
        theirs,
    } = &input;
    let write = |hop| write(hop, text);
    let behind = ClientIpSource::forwarded_behind(proxies.count()).unwrap();
    if !proxies.are_believed(&NAME, &behind, &TRUSTED, theirs, write) {
        return;
    }

    // The input alone is parsed or rejected. Without a `for`, no client is found.
    let lines = theirs
        .split(|byte| *byte == b'\n')
        .map(HeaderValue::from_bytes);
    let Ok(lines) = lines.collect::<Result<Vec<_>, _>>() else {
        return;
    };
    let has_for = theirs
        .windows(4)
        .any(|word| word.eq_ignore_ascii_case(b"for="));
    for source in [&*TRUSTED, &behind] {
        assert!(client(source, &NAME, &lines).is_none() || has_for);
    }
});
