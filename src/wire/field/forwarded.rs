//! Reads `Forwarded` (RFC 7239), from the right.
//!
//! Proxies append elements; what stands on the left was there before, and may be anything, a
//! quotation mark without its pair as well. So elements are found backwards: a well-formed element is
//! recognized by its own bytes, whatever precedes it.

use super::{
    forwarded_for::{Node, node},
    is_token_byte,
};

/// The most bytes of a node's name that is written with escapes.
const MAX_ESCAPED: usize = 128;

/// The `for` of each element of one line, the last one first. An element without it is malformed.
pub(crate) fn from_the_right(line: &[u8]) -> impl Iterator<Item = Node> {
    elements_from_the_right(line).map(|element| {
        element
            .and_then(|element| element.node)
            .unwrap_or(Node::Malformed)
    })
}

/// What an element says about the request that a proxy has received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// `for`: who sent it.
    pub(crate) node: Option<Node>,
    /// `proto` (section 5.4): whether it came over TLS.
    pub(crate) secure: Option<bool>,
}

/// The elements of one line, the last one first; `None` for one that is malformed. Empty elements are
/// skipped (RFC 9110, section 5.6.1.2).
pub(crate) fn elements_from_the_right(line: &[u8]) -> impl Iterator<Item = Option<Element>> {
    let mut rest = Some(line);
    let elements = std::iter::from_fn(move || {
        let (before, last) = split_last(rest?);
        rest = before;
        Some(last)
    });
    let elements = elements.filter(|element| !element.trim_ascii().is_empty());
    elements.map(element)
}

/// `https`, or `wss`, which some proxies write for WebSocket connections.
pub(crate) fn is_secure_scheme(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"https") || scheme.eq_ignore_ascii_case(b"wss")
}

/// Splits at the last comma that is in no quoted string.
fn split_last(line: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let mut quoted = false;
    for (at, byte) in line.iter().enumerate().rev() {
        let (before, rest) = line.split_at(at);
        match byte {
            b',' if !quoted => return (Some(before), rest.get(1..).unwrap_or_default()),
            b'"' if !quoted => quoted = true,
            // The opening quotation mark follows `=`; one after an odd number of backslashes is text.
            b'"' => {
                let escapes = before.iter().rev().take_while(|byte| **byte == b'\\');
                quoted = escapes.count() % 2 == 1;
            }
            _ => {}
        }
    }
    (None, line)
}

/// `[ forwarded-pair ] *( ";" [ forwarded-pair ] )` (section 4), with spaces around pairs.
fn element(mut rest: &[u8]) -> Option<Element> {
    let mut found = Element::default();
    loop {
        rest = rest.trim_ascii_start();
        let Some(first) = rest.first() else {
            return Some(found);
        };
        if *first != b';' {
            let equals = rest.iter().position(|byte| *byte == b'=')?;
            let (name, after) = rest.split_at(equals);
            if name.is_empty() || !name.iter().copied().all(is_token_byte) {
                return None;
            }
            let (value, after) = value(after.get(1..)?)?;
            // No parameter stands twice (section 4).
            let is_repeated = if name.eq_ignore_ascii_case(b"for") {
                found.node.replace(value.node()).is_some()
            } else if name.eq_ignore_ascii_case(b"proto") {
                found.secure.replace(value.is_secure_scheme()).is_some()
            } else {
                false
            };
            if is_repeated {
                return None;
            }
            rest = after.trim_ascii_start();
        }
        match rest.split_first() {
            None => return Some(found),
            Some((b';', after)) => rest = after,
            Some(_) => return None,
        }
    }
}

/// A parameter's value.
enum Value<'a> {
    Plain(&'a [u8]),
    /// What stands between the quotation marks, with its escapes.
    Escaped(&'a [u8]),
}

/// The value that the text begins with, and what follows it.
fn value(text: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        // Only a token needs no quotation marks, but proxies write `host=example.com:8080` and
        // `for=[2001:db8::1]` as well.
        let ends = |byte: &u8| matches!(byte, b';' | b',' | b'"' | b'\\' | b' ' | b'\t');
        let end = text.iter().position(ends).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (!value.is_empty()).then_some((Value::Plain(value), rest));
    };
    let mut has_escapes = false;
    let mut bytes = quoted.iter().enumerate();
    loop {
        match bytes.next()? {
            (_, b'\\') => {
                has_escapes = true;
                bytes.next()?;
            }
            (end, b'"') => {
                let (value, rest) = quoted.split_at(end);
                let value = if has_escapes {
                    Value::Escaped(value)
                } else {
                    Value::Plain(value)
                };
                return Some((value, rest.get(1..)?));
            }
            _ => {}
        }
    }
}

impl Value<'_> {
    /// No scheme needs escapes.
    fn is_secure_scheme(&self) -> bool {
        matches!(self, Value::Plain(text) if is_secure_scheme(text))
    }

    fn node(&self) -> Node {
        match self {
            Value::Plain(text) => node(text),
            Value::Escaped(text) => {
                let mut buffer = [0; MAX_ESCAPED];
                unescape(text, &mut buffer).map_or(Node::Malformed, node)
            }
        }
    }
}

/// The text without its escapes; nothing if it does not fit.
fn unescape<'a>(text: &[u8], buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut bytes = text.iter();
    let mut length = 0_usize;
    while let Some(byte) = bytes.next() {
        let byte = if *byte == b'\\' { bytes.next()? } else { byte };
        *buffer.get_mut(length)? = *byte;
        length = length.saturating_add(1);
    }
    buffer.get(..length)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::{Node, from_the_right};

    fn shown(line: &[u8]) -> String {
        let nodes = from_the_right(line).map(|node| match node {
            Node::Address(address) => address.to_string(),
            Node::Hidden => "hidden".to_owned(),
            Node::Malformed => "malformed".to_owned(),
        });
        nodes.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn reads_the_node_of_each_element_from_the_right() {
        let cases = [
            // RFC 7239, section 4.
            (r#"for="_gazonk""#, "hidden"),
            (r#"For="[2001:db8:cafe::17]:4711""#, "2001:db8:cafe::17"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            (
                "for=192.0.2.43, for=198.51.100.17",
                "198.51.100.17 192.0.2.43",
            ),
            // Section 6.3 and 7.1.
            (r#"for=_hidden, for=_SEVKISEK"#, "hidden hidden"),
            (
                r#"for=192.0.2.43, for="[2001:db8:cafe::17]""#,
                "2001:db8:cafe::17 192.0.2.43",
            ),
            (
                r#"for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown"#,
                "hidden 2001:db8:cafe::17 192.0.2.43",
            ),
            // Order, case, spaces and empty pairs.
            ("proto=https;by=_lb;FOR=192.0.2.1", "192.0.2.1"),
            ("for=192.0.2.1; proto=https ; host=a", "192.0.2.1"),
            (";;for=192.0.2.1;", "192.0.2.1"),
            (" \tfor=192.0.2.1\t ", "192.0.2.1"),
            // Quoted strings, their escapes, and commas in them.
            (r#"for="192.0.2.1:80""#, "192.0.2.1"),
            (r#"for="\1\92.0.2.1""#, "192.0.2.1"),
            (r#"for="\[2001:db8::1\]""#, "2001:db8::1"),
            (r#"ext="a,b;for=x\",\\";for=192.0.2.1"#, "192.0.2.1"),
            (
                r#"for=192.0.2.1;ext="\\\"", for=192.0.2.2"#,
                "192.0.2.2 192.0.2.1",
            ),
            (
                r#"for=192.0.2.1;ext="\\", for=192.0.2.2"#,
                "192.0.2.2 192.0.2.1",
            ),
            (r#"for=192.0.2.1;ext="""#, "192.0.2.1"),
            // Written without the quotation marks that they need.
            ("for=192.0.2.1:80;host=example.com:80", "192.0.2.1"),
            ("for=[2001:db8::1]:80", "2001:db8::1"),
            ("for=2001:db8::1", "2001:db8::1"),
            // A parameter that only begins or ends alike.
            (
                "forward=192.0.2.9;for=192.0.2.1;x-for=192.0.2.9",
                "192.0.2.1",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(line.as_bytes()), expected, "{line:?}");
        }
    }

    #[test]
    fn an_element_that_names_no_node_is_malformed() {
        let cases = [
            ";",
            "for",
            "for=",
            r#"for="""#,
            "=192.0.2.1",
            "192.0.2.1",
            "proto=https;by=192.0.2.1",
            "for=192.0.2.1;for=192.0.2.1",
            "for=192.0.2.1;FOR=192.0.2.2",
            "for =192.0.2.1",
            "for= 192.0.2.1",
            "for=192.0.2.1 192.0.2.2",
            "for=192.0.2.1;proto",
            "for=192.0.2.1;a b=c",
            r#"for="192.0.2.1"#,
            r#"for=192.0.2.1""#,
            r#"for="192.0.2.1"x"#,
            r#"for=\"192.0.2.1\""#,
            r#"for="192.0.2.1\""#,
            r#"for=_"hidden""#,
            "for=localhost",
            "for=_",
        ];
        for element in cases {
            assert_eq!(shown(element.as_bytes()), "malformed", "{element:?}");
        }
        for empty in ["", " \t", ", ,"] {
            assert_eq!(shown(empty.as_bytes()), "", "{empty:?}");
        }
        assert_eq!(shown(b",for=192.0.2.1, ,"), "192.0.2.1");
        let long = format!(r#"for="\_{}""#, "a".repeat(200));
        assert_eq!(shown(long.as_bytes()), "malformed");
        assert_eq!(shown(b"for=192.0.2.1;host=caf\xe9"), "192.0.2.1");
    }

    #[test]
    fn nothing_on_the_left_changes_what_is_on_the_right() {
        let lefts = [
            r#"""#,
            r#"for=""#,
            r#"for="\"#,
            r#"for=6.6.6.6;ext=""#,
            r#"for="6.6.6.6"#,
            "for=6.6.6.6\\",
            ",,,",
            ";",
        ];
        let right = r#"for="[2001:db8::1]:80";ext="\"", for=192.0.2.2"#;
        for left in lefts {
            let line = format!("{left}, {right}");
            let nodes = shown(line.as_bytes());
            assert!(
                nodes.starts_with("192.0.2.2 2001:db8::1"),
                "{line:?}: {nodes}"
            );
        }
    }

    /// A quoted string with this text.
    fn quoted(text: &str) -> String {
        let escaped: String = text
            .chars()
            .flat_map(|c| {
                matches!(c, '"' | '\\')
                    .then_some('\\')
                    .into_iter()
                    .chain([c])
            })
            .collect();
        format!("\"{escaped}\"")
    }

    proptest! {
        #[test]
        fn written_elements_are_read_whatever_precedes_them(
            left in prop::collection::vec(any::<u8>(), 0..24),
            likely in "[\"\\\\,;=for0-9.a ]{0,24}",
            elements in prop::collection::vec((any::<IpAddr>(), "[ -~]{0,8}", any::<bool>()), 1..4),
        ) {
            let write = |(address, text, before): &(IpAddr, String, bool)| {
                let node = match address {
                    IpAddr::V4(address) => format!("for={address}"),
                    IpAddr::V6(address) => format!("for=\"[{address}]\""),
                };
                let extension = format!("ext={}", quoted(text));
                if *before { format!("{extension};{node}") } else { format!("{node};{extension}") }
            };
            let right: Vec<_> = elements.iter().map(write).collect();
            let right = right.join(", ");
            for left in [left.as_slice(), likely.as_bytes()] {
                let line = [left, b", ", right.as_bytes()].concat();
                let nodes: Vec<_> = from_the_right(&line).take(elements.len()).collect();
                let expected = elements.iter().rev();
                let expected: Vec<_> = expected
                    .map(|(address, ..)| Node::Address(address.to_canonical()))
                    .collect();
                prop_assert_eq!(nodes, expected);
                // The whole line is read to its end without a panic.
                prop_assert!(from_the_right(&line).count() >= elements.len());
            }
        }
    }
}
