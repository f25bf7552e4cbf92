//! Names of quotas, which `RateLimit` and `RateLimit-Policy` write as Strings (RFC 9651): an
//! accepted name is written so that a strict parser reads it back, and every name that can be
//! written is accepted. Each line is a name.
#![no_main]

use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr},
};

use bytes::Bytes;
use http::{Request, Response};
use libfuzzer_sys::fuzz_target;
use wythe::{PeerAddr, Quota, RateLimit, with_rate_limit};
use wythe_fuzz::{Handler, Item, list, problem, send};

/// Whether a name can be written as a non-empty String.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// The only line of a field, parsed as a List.
fn field(response: &Response<Bytes>, name: &str) -> Vec<Item> {
    let lines = Vec::from_iter(response.headers().get_all(name));
    let [line] = lines.as_slice() else {
        panic!("{name}: {lines:?}");
    };
    list(line.to_str().expect("printable ASCII")).unwrap_or_else(|| panic!("{name}: {line:?}"))
}

/// Checks the names and the parameters of each item.
fn check(items: &[Item], names: &[String], parameters: &[(&str, i64)]) {
    assert_eq!(items.len(), names.len());
    for (item, name) in items.iter().zip(names) {
        assert_eq!(&item.name, name);
        let read = item.parameters.iter();
        let read = Vec::from_iter(read.map(|(key, value)| (key.as_str(), *value)));
        assert_eq!(read, parameters, "{name}");
    }
}

fuzz_target!(|text: &str| {
    let names: Vec<_> = text.split('\n').take(10).map(str::to_owned).collect();
    let quotas = names
        .iter()
        .map(|name| Quota::per_hour(1).named(name.clone()));
    let limit = RateLimit::of(quotas);
    let distinct: HashSet<_> = names.iter().collect();
    let good = (1..=8).contains(&names.len())
        && distinct.len() == names.len()
        && names.iter().all(|name| is_name(name));
    assert_eq!(limit.is_ok(), good, "{names:?}");
    let Ok(limit) = limit else {
        return;
    };
    let layer = with_rate_limit(limit.by_peer());
    for (status, left) in [(200, 0), (429, 0)] {
        let mut request = Request::new(Default::default());
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        request.extensions_mut().insert(PeerAddr(peer));
        let response = send(&layer, request, Handler::default());
        assert_eq!(response.status(), status);
        check(
            &field(&response, "ratelimit-policy"),
            &names,
            &[("q", 1), ("w", 3600)],
        );
        check(
            &field(&response, "ratelimit"),
            &names,
            &[("r", left), ("t", 3600)],
        );
        if status == 429 {
            let violated = &problem(&response)["violated-policies"];
            assert_eq!(violated, &serde_json::json!(names));
        }
    }
});
