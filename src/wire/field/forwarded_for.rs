//! Reads `X-Forwarded-For`, from the right, and the node names of both this field and `Forwarded`.
//!
//! No standard defines `X-Forwarded-For`: each proxy appends the address that the request came
//! from, some with its port. What stands on the left was there before, and may be anything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A node that a proxy names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// Its address, unfolded if it is one of IPv4 mapped into IPv6.
    Address(IpAddr),
    /// It is kept secret: `unknown` or an obfuscated identifier (RFC 7239, sections 6.2 and 6.3).
    Hidden,
    /// Nothing that can be read.
    Malformed,
}

/// The nodes of one line, the last one first. Empty elements are skipped (RFC 9110, section
/// 5.6.1.2).
pub(crate) fn from_the_right(line: &[u8]) -> impl Iterator<Item = Node> {
    let entries = line.rsplit(|byte| *byte == b',');
    let entries = entries.filter(|entry| !entry.trim_ascii().is_empty());
    entries.map(node)
}

/// Reads `1.2.3.4`, `1.2.3.4:80`, `[2001:db8::1]:80`, `2001:db8::1`, `fe80::1%eth0`, `unknown`,
/// `_hidden`, with spaces around it.
pub(crate) fn node(text: &[u8]) -> Node {
    let Ok(text) = str::from_utf8(text.trim_ascii()) else {
        return Node::Malformed;
    };
    match address(text) {
        Some(address) => Node::Address(address.to_canonical()),
        None if is_hidden(text) => Node::Hidden,
        None => Node::Malformed,
    }
}

fn address(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        let is_port = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
        return v6(inside).filter(|_| is_port);
    }
    // An address of IPv6 has two colons at least.
    match text.split_once(':') {
        None => text.parse().ok().map(IpAddr::V4),
        Some((_, rest)) if rest.contains(':') => v6(text),
        Some((host, port)) => {
            let host: Ipv4Addr = host.parse().ok()?;
            is_port(port).then_some(IpAddr::V4(host))
        }
    }
}

fn v6(text: &str) -> Option<IpAddr> {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let address: Ipv6Addr = address.parse().ok()?;
    // RFC 6874, section 2: a zone names an interface of the machine that wrote it.
    let is_zone = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
    (!zone.is_empty() && zone.bytes().all(is_zone)).then_some(IpAddr::V6(address))
}

/// `node-port` (RFC 7239, section 6.3).
fn is_port(text: &str) -> bool {
    let digits = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits || is_obfuscated(text)
}

fn is_hidden(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "0"));
    (name.eq_ignore_ascii_case("unknown") || is_obfuscated(name)) && is_port(port)
}

/// `obfnode` and `obfport`.
fn is_obfuscated(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.strip_prefix('_')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_allowed))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use proptest::prelude::*;

    use super::{Node, from_the_right, node};

    /// The node in one word.
    fn shown(node: Node) -> String {
        match node {
            Node::Address(address) => address.to_string(),
            Node::Hidden => "hidden".to_owned(),
            Node::Malformed => "malformed".to_owned(),
        }
    }

    #[test]
    fn reads_addresses_with_and_without_ports_and_zones() {
        let cases = [
            ("192.0.2.43", "192.0.2.43"),
            (" \t192.0.2.43 ", "192.0.2.43"),
            ("192.0.2.43:47011", "192.0.2.43"),
            ("192.0.2.43:0", "192.0.2.43"),
            ("192.0.2.43:_gazonk", "192.0.2.43"),
            ("2001:db8:cafe::17", "2001:db8:cafe::17"),
            ("2001:DB8:CAFE::17", "2001:db8:cafe::17"),
            ("[2001:db8:cafe::17]", "2001:db8:cafe::17"),
            ("[2001:db8:cafe::17]:4711", "2001:db8:cafe::17"),
            ("[2001:db8:cafe::17]:_x", "2001:db8:cafe::17"),
            ("::1", "::1"),
            ("::", "::"),
            ("fe80::1%eth0", "fe80::1"),
            ("fe80::1%25eth0", "fe80::1"),
            ("[fe80::1%eth0]:80", "fe80::1"),
            ("::ffff:192.0.2.43", "192.0.2.43"),
            ("::ffff:c000:22b", "192.0.2.43"),
            ("[::ffff:192.0.2.43]:80", "192.0.2.43"),
            ("64:ff9b::192.0.2.43", "64:ff9b::c000:22b"),
            ("unknown", "hidden"),
            ("Unknown", "hidden"),
            ("unknown:80", "hidden"),
            ("_hidden", "hidden"),
            ("_SEVKISEK", "hidden"),
            ("_a.b_c-9:_port", "hidden"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(node(text.as_bytes())), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_a_node_is_malformed() {
        let cases = [
            "",
            " ",
            "localhost",
            "unix:",
            "192.0.2",
            "192.0.2.043",
            "0xc0.0.2.43",
            "3221226027",
            "192.0.2.256",
            "192.0.2.43.",
            "192.0.2.43:",
            "192.0.2.43:http",
            "192.0.2.43:123456",
            "192.0.2.43:+80",
            "192.0.2.43:80:80",
            "192.0.2.43/32",
            "192.0.2.43 192.0.2.44",
            "192.0.2.43%eth0",
            "[192.0.2.43]",
            "[192.0.2.43]:80",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]80",
            "[2001:db8::1]:",
            "[2001:db8::1]: 80",
            "[[2001:db8::1]]",
            "2001:db8::1::2",
            "2001:db8:1:2:3:4:5:6:7",
            "fe80::1%",
            "fe80::1%eth0]",
            "fe80::1%a b",
            "\"192.0.2.43\"",
            "for=192.0.2.43",
            "_",
            "_a b",
            "_a:b",
            "unknown:",
            "unknown:x",
            "192.0.2.43\u{a0}",
            "\u{661}92.0.2.43",
        ];
        for text in cases {
            assert_eq!(node(text.as_bytes()), Node::Malformed, "{text:?}");
        }
        assert_eq!(node(b"192.0.2.43\xff"), Node::Malformed);
    }

    #[test]
    fn entries_come_from_the_right_without_empty_ones() {
        let cases = [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, 192.0.2.2", "192.0.2.2 192.0.2.1"),
            ("192.0.2.1,192.0.2.2:80", "192.0.2.2 192.0.2.1"),
            ("x, 192.0.2.2", "192.0.2.2 malformed"),
            ("192.0.2.1, ", "192.0.2.1"),
            (",192.0.2.1,\t,192.0.2.2", "192.0.2.2 192.0.2.1"),
            ("", ""),
            (" , ", ""),
        ];
        for (line, expected) in cases {
            let nodes: Vec<_> = from_the_right(line.as_bytes()).map(shown).collect();
            assert_eq!(nodes.join(" "), expected, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn an_address_that_is_written_is_read(
            address in any::<IpAddr>(), mapped in any::<bool>(), form in 0..4, port in any::<u16>(),
        ) {
            let address = match address {
                IpAddr::V4(address) if mapped => address.to_ipv6_mapped().into(),
                address => address,
            };
            let text = match (address, form) {
                (address, 0) => address.to_string(),
                (IpAddr::V4(address), _) => format!("{address}:{port}"),
                (IpAddr::V6(address), 1) => format!("[{address}]"),
                (IpAddr::V6(address), 2) => format!("{address}%eth{port}"),
                (IpAddr::V6(address), _) => format!("[{address}]:{port}"),
            };
            let read = node(text.as_bytes());
            prop_assert_eq!(read, Node::Address(address.to_canonical()), "{}", text);
        }

        #[test]
        fn no_line_panics_and_no_address_is_a_mapped_one(
            line in prop::collection::vec(any::<u8>(), 0..64),
            likely in "[0-9a-f:.%\\[\\], _]{0,40}",
        ) {
            for line in [&line, likely.as_bytes()] {
                let commas = line.iter().filter(|byte| **byte == b',').count();
                prop_assert!(from_the_right(line).count() <= commas + 1);
                for node in from_the_right(line) {
                    let mapped = matches!(node, Node::Address(IpAddr::V6(address))
                        if Ipv6Addr::to_ipv4_mapped(&address).is_some());
                    prop_assert!(!mapped);
                }
            }
        }
    }
}
