//! Parses an origin as browsers serialize it.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// An origin in its parts: `https://app.example.com:8443`.
///
/// This is the value of an [`Origin`](http::header::ORIGIN) field (RFC 6454, section 7), so it has
/// no path, and no port that is the default of its scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    text: &'a str,
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
}

/// Why a text is not an origin.
pub(crate) type Fault = &'static str;

impl<'a> Origin<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        let (scheme, rest) = text
            .split_once(':')
            .and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)))
            .ok_or("an origin is `scheme://host` or `scheme://host:port`")?;
        check_scheme(scheme)?;
        let (host, port) = parse_authority(scheme, rest).map_err(|fault| explain(rest, fault))?;
        Ok(Self {
            text,
            scheme,
            host,
            port,
        })
    }

    /// The same for an origin in a policy: an IPv6 address has many spellings, of which browsers send
    /// one (RFC 5952).
    pub(crate) fn parse_exact(text: &'a str) -> Result<Self, Cow<'static, str>> {
        let origin = Self::parse(text)?;
        let inner = origin
            .host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let Some(address) = inner.and_then(|inner| inner.parse::<Ipv6Addr>().ok()) else {
            return Ok(origin);
        };
        // The URL standard never writes the dotted form of a mapped address.
        let written = address.to_string();
        if written.contains('.') || format!("[{written}]") == origin.host.to_ascii_lowercase() {
            return Ok(origin);
        }
        Err(Cow::Owned(format!(
            "browsers write this address `[{written}]`"
        )))
    }

    /// The whole origin, as in the request.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// `https`, `http`, or the scheme of an app or browser extension. It is case-insensitive.
    #[must_use]
    pub const fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets. It is case-insensitive.
    ///
    /// A name may end in a dot, as in `https://example.com.`: to browsers, that is another origin than
    /// `https://example.com`.
    #[must_use]
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// The port, unless it is the scheme's default.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether an attacker on the network could impersonate this origin: it is plain `http`, and not
    /// on this machine.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("http") && !is_loopback(self.host)
    }
}

fn check_scheme(scheme: &str) -> Result<(), Fault> {
    // RFC 3986, section 3.1.
    let starts = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    let mut bytes = scheme.bytes();
    if starts && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
        return Ok(());
    }
    Err("the scheme of an origin is `https`, `http`, or that of an app")
}

fn parse_authority<'a>(scheme: &str, text: &'a str) -> Result<(&'a str, Option<u16>), Fault> {
    let (host, port) = split_port(text)?;
    // The URL standard keeps the dot of a fully qualified name, and never writes one after an address.
    let name = host.strip_suffix('.');
    let name = name.filter(|name| name.parse::<Ipv4Addr>().is_err());
    check_host(name.unwrap_or(host))?;
    let port = port.map(|port| parse_port(scheme, port)).transpose()?;
    Ok((host, port))
}

/// Names the part that URLs have and origins do not have, if there is one.
#[cold]
fn explain(authority: &str, fault: Fault) -> Fault {
    if authority.contains(['/', '?', '#', '\\']) {
        "an origin ends after the host and port: it has no path, not even `/`"
    } else if authority.contains('@') {
        "an origin has no user name"
    } else {
        fault
    }
}

pub(crate) fn split_port(authority: &str) -> Result<(&str, Option<&str>), Fault> {
    let brackets = Err("write an IPv6 address in brackets: `http://[::1]:8080`");
    if authority.starts_with('[') {
        return match authority.rsplit_once("]:") {
            // The bracket belongs to the host.
            Some((host, port)) => Ok((authority.get(..=host.len()).unwrap_or(host), Some(port))),
            None if authority.ends_with(']') => Ok((authority, None)),
            None => brackets,
        };
    }
    match authority.split_once(':') {
        Some((_, port)) if port.contains(':') => brackets,
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

fn parse_port(scheme: &str, port: &str) -> Result<u16, Fault> {
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let number = match port.parse::<u16>() {
        Ok(number) if digits && !port.starts_with('0') => number,
        _ => return Err("the port of an origin is a number from 1 to 65535"),
    };
    let default = match number {
        443 => scheme.eq_ignore_ascii_case("https"),
        80 => scheme.eq_ignore_ascii_case("http"),
        _ => false,
    };
    if default {
        return Err("browsers leave out the default port: `https://example.com`");
    }
    Ok(number)
}

/// The port of a `Host`, which may have zeros in front.
pub(crate) fn port_number(digits: &str) -> Option<u16> {
    let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    only_digits.then(|| digits.parse().ok())?
}

/// Checks that it is a host as browsers write it, without a dot at the end.
pub(crate) fn check_host(host: &str) -> Result<(), Fault> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or(address);
        return match address.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err("the host in brackets is not an IPv6 address"),
        };
    }
    if !host.is_ascii() {
        return Err("browsers send a host in ASCII: write its `xn--` form");
    }
    let is_number = check_labels(host).ok_or("the host of an origin is a name or an IP address")?;
    // The URL standard reads a host whose last label is a number as an IPv4 address.
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return Err("the host of an origin is a name or an IP address");
    }
    Ok(())
}

/// Whether the last label is a number, if all labels are labels (RFC 1123, section 2.1; the
/// underscore is in use).
fn check_labels(host: &str) -> Option<bool> {
    let mut length = 0_u8;
    let mut is_number = true;
    for byte in host.bytes() {
        if byte == b'.' && length > 0 {
            length = 0;
            is_number = true;
        } else if (byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') && length < 63 {
            length += 1;
            is_number &= byte.is_ascii_digit();
        } else {
            return None;
        }
    }
    (length > 0 && host.len() <= 253).then_some(is_number)
}

/// Whether browsers connect to the host on their own machine (RFC 6761, section 6.3; Secure
/// Contexts, section 3.1).
fn is_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let name = host.rsplit('.').next().unwrap_or(host);
    name.eq_ignore_ascii_case("localhost") || is_loopback_address(host)
}

/// Whether a host is a loopback address, an IPv6 address in brackets.
pub(crate) fn is_loopback_address(host: &str) -> bool {
    let in_brackets = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = in_brackets.unwrap_or(host).parse::<IpAddr>();
    address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_origins_as_browsers_write_them() {
        let cases = [
            ("https://example.com", "https", "example.com", None, false),
            ("http://example.com", "http", "example.com", None, true),
            (
                "http://example.com:8080",
                "http",
                "example.com",
                Some(8080),
                true,
            ),
            (
                "http://localhost:5173",
                "http",
                "localhost",
                Some(5173),
                false,
            ),
            ("http://app.localhost", "http", "app.localhost", None, false),
            ("http://127.0.0.1:1", "http", "127.0.0.1", Some(1), false),
            ("http://127.8.8.8", "http", "127.8.8.8", None, false),
            ("http://10.0.0.1", "http", "10.0.0.1", None, true),
            ("http://[::1]:65535", "http", "[::1]", Some(65535), false),
            (
                "https://[2001:db8::1]",
                "https",
                "[2001:db8::1]",
                None,
                false,
            ),
            (
                "http://[2001:db8::1]:81",
                "http",
                "[2001:db8::1]",
                Some(81),
                true,
            ),
            (
                "https://example.com:80",
                "https",
                "example.com",
                Some(80),
                false,
            ),
            ("HTTPS://EXAMPLE.com", "HTTPS", "EXAMPLE.com", None, false),
            (
                "moz-extension://a-b-c",
                "moz-extension",
                "a-b-c",
                None,
                false,
            ),
            ("tauri://localhost", "tauri", "localhost", None, false),
            (
                "http://localhost.example.com",
                "http",
                "localhost.example.com",
                None,
                true,
            ),
            ("http://notlocalhost", "http", "notlocalhost", None, true),
            // With the dot of a fully qualified name.
            ("https://example.com.", "https", "example.com.", None, false),
            (
                "https://example.com.:8443",
                "https",
                "example.com.",
                Some(8443),
                false,
            ),
            ("http://example.com.", "http", "example.com.", None, true),
            ("http://localhost.:1", "http", "localhost.", Some(1), false),
            ("http://a.localhost.", "http", "a.localhost.", None, false),
        ];
        for (text, scheme, host, port, insecure) in cases {
            let origin = Origin::parse(text).unwrap();
            let parts = (
                origin.as_str(),
                origin.scheme(),
                origin.host(),
                origin.port(),
            );
            assert_eq!(parts, (text, scheme, host, port));
            assert_eq!(origin.is_insecure(), insecure, "{text}");
        }
    }

    #[test]
    fn refuses_what_no_browser_writes() {
        let long = format!("https://{}", "a.".repeat(127) + "a");
        let label = format!("https://{}", "a".repeat(64));
        let cases = [
            "",
            "null",
            "*",
            "example.com",
            "https:example.com",
            "://a",
            "https://",
            "1s://a",
            "ht tp://a",
            "https://a/",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://a\\b",
            "https://u@a",
            "https://u:p@a",
            "https://a:",
            "https://a:0",
            "https://a:080",
            "https://a:443",
            "http://a:80",
            "https://a:65536",
            "https://a:+1",
            "https://a:1:2",
            "https://a b",
            "https://a..b",
            "https://.a",
            "https://a..",
            "https://.",
            "https://.:1",
            "https://127.0.0.1.",
            "https://[::1].",
            "https://a,https://b",
            "https://[::1",
            "https://::1",
            "https://[::1]x",
            "https://[::1]x:1",
            "https://[]",
            "https://[::g]",
            "https://[[::1]]",
            "https://]:1",
            "https://1.2.3",
            "https://1.2.3.256",
            "https://b\u{fc}cher.example",
            "https://a%20",
            "https://*.a.b",
            "https://a://b",
            long.as_str(),
            label.as_str(),
        ];
        for text in cases {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }
}
