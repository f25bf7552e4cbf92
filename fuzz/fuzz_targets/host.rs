//! `with_hosts`: a request that passes names one host, in one way, and the host is in the list. The first
//! line is the target, the others are field lines.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, Request, StatusCode, Uri, header};
use libfuzzer_sys::fuzz_target;
use wythe::{Hosts, With, with_hosts};
use wythe_fuzz::{Handler, fields, problem, send};

static LAYER: LazyLock<With<Hosts>> = LazyLock::new(|| {
    let list = [
        "example.com",
        "*.example.net",
        "localhost:*",
        "[2001:db8::7]:8443",
    ];
    with_hosts(Hosts::list(list).unwrap())
});

/// Whether the list has this host, by the simplest rules.
fn is_listed(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once("]:") else {
            return false;
        };
        let same = address.parse() == Ok("2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap());
        return same && port.parse() == Ok(8443_u16);
    }
    let (name, port) = host.split_once(':').unwrap_or((&host, ""));
    let port = match port {
        "" => None,
        port => match port.parse::<u16>() {
            Ok(port) => Some(port),
            Err(_) => return false,
        },
    };
    let default = matches!(port, None | Some(80 | 443));
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    if name.len() > 253 {
        return false;
    }
    match name.strip_suffix(".example.net") {
        Some(labels) => default && labels.split('.').all(label),
        None => name == "localhost" || (default && name == "example.com"),
    }
}

/// All hosts that the request names.
fn named(target: &Uri, headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::HOST).iter();
    let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
    let target = target
        .authority()
        .map(|authority| authority.as_str().to_owned());
    lines.chain(target).collect()
}

fuzz_target!(|data: &[u8]| {
    let line = data.iter().position(|byte| *byte == b'\n');
    let (target, rest) = data.split_at(line.unwrap_or(data.len()));
    let Ok(target) = Uri::try_from(target) else {
        return;
    };
    let mut request = Request::new(Default::default());
    *request.headers_mut() = fields(rest);
    let named = named(&target, request.headers());
    let lines = request.headers().get_all(header::HOST).iter().count();
    *request.uri_mut() = target;
    let response = send(&*LAYER, request, Handler::default());
    match response.status() {
        // Where two are named, both are the same, and both are in the list.
        StatusCode::OK => {
            assert!(lines <= 1 && !named.is_empty(), "{named:?}");
            assert!(named.iter().all(|host| is_listed(host)), "{named:?}");
        }
        StatusCode::MISDIRECTED_REQUEST => {
            assert!(!named.iter().all(|host| is_listed(host)), "{named:?}");
            problem(&response);
        }
        StatusCode::BAD_REQUEST => {
            problem(&response);
            // One host that is in the list is not malformed.
            if let [one] = &*named {
                assert!(!is_listed(one), "{one}");
            }
        }
        other => panic!("{other}"),
    }
});
