//! Decides from the head of a request whether it was sent by a page of the same origin, or by no page
//! at all.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::refusal::CsrfRefusal;
use crate::{
    request::RequestHead,
    wire::field::{
        only_line,
        origin::{self, Origin},
        origin_list::OriginList,
        origin_pattern::OriginPattern,
    },
};

/// Browsers set this field, and pages can't (Fetch Metadata, section 2.3).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// It never needs a token: the method is safe, or it is the handshake of a WebSocket, on which a
    /// script can't set a field.
    NoTokenNeeded,
    /// Its origin is known, and is allowed.
    OriginKnown,
    /// It has no origin. No current browser sends such a request.
    OriginUnknown,
}

/// The origins whose requests pass.
#[derive(Clone, Default)]
pub(super) struct AllowedOrigins {
    pub(super) trusted: Trusted,
    /// The server's own origins, used instead of `Host`.
    pub(super) own: Option<OriginList>,
}

/// Other origins that may act as the user.
#[derive(Clone, Debug, Default)]
pub(super) struct Trusted {
    pub(super) exact: OriginList,
    pub(super) patterns: Vec<OriginPattern>,
}

impl AllowedOrigins {
    pub(super) fn check(&self, head: &RequestHead<'_>) -> Result<Passed, CsrfRefusal> {
        let is_safe = is_safe(head.method());
        if is_safe && !asks_for_websocket(head.headers()) {
            return Ok(Passed::NoTokenNeeded);
        }
        let origin = only(head.headers(), header::ORIGIN)?;
        let trusted = || origin.is_some_and(|origin| self.trusted.contains(origin));
        let passed = match only(head.headers(), SEC_FETCH_SITE)?.map(HeaderValue::as_bytes) {
            Some(b"same-origin" | b"none") => Passed::OriginKnown,
            Some(_) if trusted() => Passed::OriginKnown,
            // `same-site` is another origin too, for example a subdomain that was taken over.
            Some(_) => return Err(CsrfRefusal::CrossSite),
            None => match origin {
                None => Passed::OriginUnknown,
                Some(_) if trusted() => Passed::OriginKnown,
                Some(origin) => self.check_origin(origin, head)?,
            },
        };
        // Any page can open a WebSocket with the user's cookies, and CORS does not apply to it. Over
        // HTTP/1.1 that is a GET (RFC 6455, section 4.1), over HTTP/2 an extended CONNECT (RFC 8441,
        // section 5). With other methods, `Upgrade` does not open a WebSocket.
        Ok(if is_safe || head.is_extended_connect() {
            Passed::NoTokenNeeded
        } else {
            passed
        })
    }

    /// Whether the origin is the one that the request was sent to.
    fn check_origin(
        &self,
        origin: &HeaderValue,
        head: &RequestHead<'_>,
    ) -> Result<Passed, CsrfRefusal> {
        if origin == "null" {
            return Err(CsrfRefusal::NullOrigin);
        }
        if let Some(own) = &self.own {
            let found = own.find(origin.as_bytes());
            return found
                .map(|_| Passed::OriginKnown)
                .ok_or(CsrfRefusal::OtherOrigin);
        }
        let host = host(head).ok_or(CsrfRefusal::NoHost)?;
        // Rejects everything that is not an origin as browsers write it.
        let origin = origin.to_str().ok().map(Origin::parse);
        match origin {
            Some(Ok(origin)) if is_same_host(&origin, host) => Ok(Passed::OriginKnown),
            _ => Err(CsrfRefusal::OtherOrigin),
        }
    }
}

impl Trusted {
    fn contains(&self, origin: &HeaderValue) -> bool {
        if self.exact.find(origin.as_bytes()).is_some() {
            return true;
        }
        if self.patterns.is_empty() {
            return false;
        }
        let origin = origin.to_str().ok().map(Origin::parse);
        let Some(Ok(origin)) = origin else {
            return false;
        };
        self.patterns.iter().any(|pattern| pattern.matches(&origin))
    }
}

fn asks_for_websocket(headers: &HeaderMap) -> bool {
    const NAME: &[u8] = b"websocket";
    headers.get_all(header::UPGRADE).iter().any(|line| {
        // Anywhere in the line, so that no handler finds `websocket` where this check does not.
        let mut windows = line.as_bytes().windows(NAME.len());
        windows.any(|part| part.eq_ignore_ascii_case(NAME))
    })
}

/// The host and port that the request was sent to.
///
/// An absolute target, and `:authority` in HTTP/2, take precedence over `Host` (RFC 9112,
/// section 3.2.2; RFC 9113, section 8.3.1). Several `Host` lines are ignored.
fn host<'a>(head: &RequestHead<'a>) -> Option<&'a str> {
    if let Some(authority) = head.uri().authority() {
        return Some(authority.as_str());
    }
    let host = only_line(head.headers(), header::HOST).ok()??;
    host.to_str().ok().filter(|host| !host.is_empty())
}

/// The only line of a field, if there is one. Browsers never send more than one.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&HeaderValue>, CsrfRefusal> {
    only_line(headers, name).or(Err(CsrfRefusal::SeveralFields))
}

/// The safe methods (RFC 9110, section 9.2.1) that a browser sends across sites without a preflight.
/// TRACE is safe too, but no browser sends it. QUERY (RFC 10008) is safe, but has content and needs
/// a preflight.
const fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a host and port are those of the origin. The scheme of the request is unknown: a proxy may
/// terminate TLS.
fn is_same_host(origin: &Origin<'_>, host: &str) -> bool {
    let default = match origin.scheme() {
        "https" => 443,
        "http" => 80,
        // An app or a browser extension, which is not the origin of a server.
        _ => return false,
    };
    let Ok((name, port)) = origin::split_port(host) else {
        return false;
    };
    // An origin omits the default port (RFC 6454, section 6.2); a proxy may add it to `Host`.
    let port = match port {
        None | Some("") => None,
        Some(digits) => match origin::port_number(digits) {
            None => return false,
            number => number.filter(|number| *number != default),
        },
    };
    port == origin.port() && name.eq_ignore_ascii_case(origin.host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_the_host_and_port_of_an_origin() {
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
            // Browsers treat these as two hosts.
            ("https://example.com", "example.com.", false),
            ("https://example.com.", "example.com", false),
            ("https://example.com.", "example.com.", true),
            ("https://example.com.", "example.com.:443", true),
            ("https://example.com.:8443", "EXAMPLE.com.:8443", true),
            ("https://example.com.", "example.com..", false),
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
            assert_eq!(is_same_host(&parsed, host), same, "{origin} {host:?}");
        }
    }
}
