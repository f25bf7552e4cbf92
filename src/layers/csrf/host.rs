//! Which host a request was sent to, and whether that is the host of an origin.

use http::{HeaderMap, Uri, header};

use crate::wire::field::{
    only_line,
    origin::{self, Origin},
};

/// The host and port that the request is for, as it was sent.
///
/// An absolute target, and `:authority` in HTTP/2, counts more than `Host` (RFC 9112, section
/// 3.2.2; RFC 9113, section 8.3.1). Several `Host` lines say nothing.
pub(super) fn of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str());
    }
    let host = only_line(headers, header::HOST).ok()??;
    host.to_str().ok().filter(|host| !host.is_empty())
}

/// Whether it is the origin's host and port. Which scheme the request came by is not known: a
/// proxy that ends TLS does not say.
pub(super) fn is_same(origin: &Origin<'_>, asked: &str) -> bool {
    let default = match origin.scheme() {
        "https" => 443,
        "http" => 80,
        // An app or a browser extension; no server is reached by such a scheme.
        _ => return false,
    };
    let Ok((name, port)) = origin::split_port(asked) else {
        return false;
    };
    // An origin has no default port (RFC 6454, section 6.2); `Host` may have it, from a proxy.
    let port = match port {
        None | Some("") => None,
        Some(digits) => match number(digits) {
            None => return false,
            number => number.filter(|number| *number != default),
        },
    };
    port == origin.port() && name.eq_ignore_ascii_case(origin.host())
}

fn number(digits: &str) -> Option<u16> {
    let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    only_digits.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_host_and_port_in_few_spellings() {
        let cases = [
            ("https://example.com", "example.com", true),
            ("https://example.com", "EXAMPLE.com", true),
            ("https://EXAMPLE.com", "example.com", true),
            ("https://example.com", "example.com:443", true),
            ("https://example.com", "example.com:", true),
            ("https://example.com", "example.com:0443", true),
            ("https://example.com", "example.com:80", false),
            ("https://example.com", "example.com:8443", false),
            ("https://example.com", "example.com:+443", false),
            ("https://example.com", "example.com:65979", false),
            ("https://example.com", "example.com:443:443", false),
            ("https://example.com", "example.com:x", false),
            ("http://example.com", "example.com:80", true),
            ("http://example.com", "example.com:443", false),
            ("https://example.com:8443", "example.com:8443", true),
            ("https://example.com:8443", "example.com", false),
            ("https://example.com:80", "example.com", false),
            ("https://example.com:80", "example.com:80", true),
            // To a browser these are two hosts.
            ("https://example.com", "example.com.", false),
            ("https://example.com", "www.example.com", false),
            ("https://www.example.com", "example.com", false),
            ("https://example.com", "example.com@example.com", false),
            ("https://example.com", "x@example.com", false),
            ("https://example.com", "example.com/", false),
            ("https://example.com", "example.com ", false),
            ("https://example.com", "", false),
            ("https://[2001:db8::1]", "[2001:db8::1]", true),
            ("https://[2001:db8::1]", "[2001:DB8::1]:443", true),
            ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443", true),
            ("https://[2001:db8::1]", "[2001:db8::2]", false),
            ("https://[2001:db8::1]", "2001:db8::1", false),
            ("http://127.0.0.1:3000", "127.0.0.1:3000", true),
            ("http://127.0.0.1:3000", "localhost:3000", false),
            ("tauri://localhost", "localhost", false),
        ];
        for (origin, host, same) in cases {
            let parsed = Origin::parse(origin).unwrap();
            assert_eq!(is_same(&parsed, host), same, "{origin} {host:?}");
        }
    }
}
