//! `X-Forwarded-For`: the client is the one that the outermost trusted proxy named, whatever the
//! client sent before; nothing else is ever taken for an address. Each line of the client's input
//! is a field line.
#![no_main]

use std::{net::IpAddr, sync::LazyLock};

use http::{HeaderName, HeaderValue};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use wythe::{ClientIpSource, networks::private_networks};
use wythe_fuzz::{Hop, Proxies, client};

const NAME: HeaderName = HeaderName::from_static("x-forwarded-for");

static TRUSTED: LazyLock<ClientIpSource> =
    LazyLock::new(|| ClientIpSource::x_forwarded_for(private_networks()).unwrap());

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    proxies: Proxies,
    theirs: &'a [u8],
}

fn write(hop: Hop) -> String {
    match (hop.address, hop.form % 4) {
        (IpAddr::V4(address), 0) => address.to_string(),
        (IpAddr::V4(address), 1) => format!("{address}:{}", hop.form),
        (IpAddr::V4(address), 2) => address.to_ipv6_mapped().to_string(),
        (IpAddr::V4(address), _) => format!(" {address}\t"),
        (IpAddr::V6(address), 0) => address.to_string(),
        (IpAddr::V6(address), 1) => format!("[{address}]:{}", hop.form),
        (IpAddr::V6(address), 2) => format!("{address}%eth{}", hop.form),
        (IpAddr::V6(address), _) => format!("[{address}]"),
    }
}

/// Whether the last entry is this address in some form, parsed in the simplest way.
fn names(lines: &[HeaderValue], address: IpAddr) -> bool {
    let entries = lines
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let mut texts = entries.filter_map(|entry| str::from_utf8(entry).ok());
    texts.any(|text| {
        let text = text.trim_ascii();
        let inside = text.strip_prefix('[').and_then(|text| text.split_once(']'));
        let host = inside.map_or(text, |(inside, _)| inside);
        let host = host.split('%').next().unwrap_or_default();
        let before_port = host.split(':').next().unwrap_or_default();
        [host, before_port].iter().any(|host| {
            let read = host.parse::<IpAddr>();
            read.is_ok_and(|read| read.to_canonical() == address)
        })
    })
}

fuzz_target!(|input: Input<'_>| {
    let Input { proxies, theirs } = &input;
    let behind = ClientIpSource::x_forwarded_for_behind(proxies.count()).unwrap();
    if !proxies.are_believed(&NAME, &behind, &TRUSTED, theirs, write) {
        return;
    }

    // The input alone: no address that it does not contain.
    let theirs = theirs
        .split(|byte| *byte == b'\n')
        .map(HeaderValue::from_bytes);
    let Ok(theirs) = theirs.collect::<Result<Vec<_>, _>>() else {
        return;
    };
    for source in [&*TRUSTED, &behind] {
        if let Some(address) = client(source, &NAME, &theirs) {
            assert!(names(&theirs, address), "{address} in {theirs:?}");
        }
    }
});
