//! The header fields of forwarded requests and responses: which of them are forwarded, and which are
//! written.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// How an upstream learns who has sent a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedFields {
    /// `X-Forwarded-For`, `X-Forwarded-Host` and, if the [transport](super::Upstream::transport) is
    /// known, `X-Forwarded-Proto`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239), with `for`, `host` and `proto`.
    Standard,
    /// Not at all: for servers of other parties, which do not need to know your clients.
    Nothing,
}

/// What the upstream learns about the sender of a request.
pub(super) struct Sender<'a> {
    pub(super) address: Option<IpAddr>,
    pub(super) host: Option<&'a HeaderValue>,
    pub(super) is_https: Option<bool>,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl ForwardedFields {
    /// Whether this field is written for the upstream, or may be.
    pub(super) fn writes(self, name: &HeaderName) -> bool {
        let names: &[HeaderName] = match self {
            Self::XForwarded => &[X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO],
            Self::Standard => &[header::FORWARDED],
            Self::Nothing => &[],
        };
        let mut names = names.iter();
        names.any(|written| is_same(name.as_str(), written.as_str()))
    }

    /// Writes the fields. What the client has sent under these names has already been removed.
    pub(super) fn write(self, headers: &mut HeaderMap, sender: &Sender<'_>) {
        let proto = sender.is_https.map(|is| if is { "https" } else { "http" });
        match self {
            Self::Nothing => {}
            Self::XForwarded => {
                let address = sender.address.map(|address| address.to_string());
                let address = address.and_then(|address| HeaderValue::try_from(address).ok());
                let fields = [
                    (X_FORWARDED_FOR, address),
                    (X_FORWARDED_HOST, sender.host.cloned()),
                    (X_FORWARDED_PROTO, proto.map(HeaderValue::from_static)),
                ];
                for (name, value) in fields {
                    if let Some(value) = value {
                        headers.insert(name, value);
                    }
                }
            }
            Self::Standard => {
                // An IPv6 address is in brackets, and quoted (section 6).
                let mut text = match sender.address {
                    Some(IpAddr::V4(address)) => format!("for={address}"),
                    Some(IpAddr::V6(address)) => format!("for=\"[{address}]\""),
                    None => "for=unknown".to_owned(),
                };
                let host = sender.host.and_then(|host| host.to_str().ok());
                if let Some(host) = host.filter(|host| !host.contains(['"', '\\'])) {
                    text.push_str(&format!(";host=\"{host}\""));
                }
                if let Some(proto) = proto {
                    text.push_str(&format!(";proto={proto}"));
                }
                if let Ok(value) = HeaderValue::try_from(text) {
                    headers.insert(header::FORWARDED, value);
                }
            }
        }
    }
}

/// Fields of one connection, and those that are replaced. They are never forwarded (RFC 9110, section
/// 7.6.1). `Proxy` becomes the variable `HTTP_PROXY` in CGI.
pub(super) fn is_of_connection(name: &HeaderName) -> bool {
    const NAMES: [&str; 12] = [
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "max-forwards",
        "proxy",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let name = name.as_str();
    is_any(name, &NAMES) || starts_with(name, "proxy-")
}

/// Credentials, what only a proxy may say about a client, and what changes the path or the method.
fn is_withheld_from_upstream(name: &HeaderName) -> bool {
    const NAMES: [&str; 17] = [
        "authorization",
        "cf-connecting-ip",
        "client-ip",
        "cookie",
        "cookie2",
        "fastly-client-ip",
        "forwarded",
        "forwarded-for",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-real-ip",
        "x-rewrite-url",
        "x-remote-addr",
    ];
    let name = name.as_str();
    is_any(name, &NAMES) || starts_with(name, "x-forwarded") || starts_with(name, "x-original-")
}

/// What a server says for its whole origin, which here is the origin of this server.
fn is_withheld_from_client(name: &HeaderName) -> bool {
    const NAMES: [&str; 6] = [
        "alt-svc",
        "clear-site-data",
        "set-cookie",
        "set-cookie2",
        "service-worker-allowed",
        "strict-transport-security",
    ];
    let name = name.as_str();
    is_any(name, &NAMES) || starts_with(name, "access-control-")
}

fn is_any(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| is_same(name, other))
}

/// Whether servers may take the two for one field: many read `_` as `-`.
pub(super) fn is_same(name: &str, other: &str) -> bool {
    name.len() == other.len() && starts_with(name, other)
}

fn starts_with(name: &str, prefix: &str) -> bool {
    let name = name
        .bytes()
        .map(|byte| if byte == b'_' { b'-' } else { byte });
    name.take(prefix.len()).eq(prefix.bytes())
}

/// The fields of a request that are forwarded. `listed` are those that are forwarded although they are
/// withheld by default; `written` are those of the upstream's settings.
pub(super) fn of_request(
    received: HeaderMap,
    listed: &[HeaderName],
    written: &[(HeaderName, HeaderValue)],
) -> HeaderMap {
    let is_written = |name: &HeaderName| {
        let mut written = written.iter();
        written.any(|(field, _)| is_same(name.as_str(), field.as_str()))
    };
    let mut headers = kept(received, |name| {
        !is_written(name) && (listed.contains(name) || !is_withheld_from_upstream(name))
    });
    // HTTP/2 splits the field into lines (RFC 9113, section 8.2.3).
    if headers.get_all(header::COOKIE).iter().nth(1).is_some() {
        let lines: Vec<_> = headers
            .get_all(header::COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
            headers.insert(header::COOKIE, joined);
        }
    }
    headers.extend(written.iter().cloned());
    headers
}

/// The fields of a response that go back.
pub(super) fn of_response(received: HeaderMap, listed: &[HeaderName]) -> HeaderMap {
    kept(received, |name| {
        listed.contains(name) || !is_withheld_from_client(name)
    })
}

/// The fields that the function keeps, without those of the connection.
fn kept(mut received: HeaderMap, keeps: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    if let header::Entry::Occupied(connection) = received.entry(header::CONNECTION) {
        let (_, lines) = connection.remove_entry_mult();
        let lines: Vec<_> = lines.collect();
        // The fields that it names belong to the connection, too.
        for line in &lines {
            for name in line.as_bytes().split(|byte| *byte == b',') {
                if let Ok(name) = HeaderName::from_bytes(name.trim_ascii()) {
                    received.remove(name);
                }
            }
        }
    }
    let mut headers = HeaderMap::with_capacity(received.keys_len() + 8);
    let mut kept = None;
    for (name, value) in received {
        // A further line of a field has no name.
        if let Some(name) = name {
            kept = (!is_of_connection(&name) && keeps(&name)).then_some(name);
        }
        if let Some(name) = &kept {
            headers.append(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, header};

    use super::{ForwardedFields, Sender, of_request, of_response};

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(field) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn what_only_a_proxy_may_say_is_not_forwarded() {
        let received = map(&[
            ("accept", "a"),
            ("accept", "b"),
            ("connection", "keep-alive, X-Private"),
            ("connection", "x-more,,\t, accept-language"),
            ("x-private", "1"),
            ("x-more", "1"),
            ("accept-language", "de"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("trailer", "x-a"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
            ("expect", "100-continue"),
            ("proxy", "evil.example"),
            ("proxy-authorization", "Basic x"),
            ("proxy_connection", "close"),
            ("host", "a.example"),
            ("content-length", "5"),
            ("cookie", "a=1"),
            ("authorization", "Bearer x"),
            ("forwarded", "for=192.0.2.1"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x_forwarded_for", "192.0.2.1"),
            ("x-forwarded_host", "evil.example"),
            ("x-forwarded-anything", "1"),
            ("x-real-ip", "192.0.2.1"),
            ("x-original-url", "/admin"),
            ("x-rewrite-url", "/admin"),
            ("x-http-method-override", "DELETE"),
            ("x_api_key", "guessed"),
            ("x-api-key", "guessed"),
            ("x-custom", "1"),
            ("via", "1.0 fred"),
        ]);
        let key = (
            HeaderName::from_static("x-api-key"),
            HeaderValue::from_static("key"),
        );
        let sent = of_request(received, &[], &[key]);
        let expected = map(&[
            ("accept", "a"),
            ("accept", "b"),
            ("x-custom", "1"),
            ("via", "1.0 fred"),
            ("x-api-key", "key"),
        ]);
        assert_eq!(sent, expected);
    }

    #[test]
    fn listed_credentials_are_forwarded_in_one_line() {
        let received = map(&[
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("authorization", "Bearer x"),
        ]);
        let sent = of_request(received, &[header::COOKIE], &[]);
        assert_eq!(sent, map(&[("cookie", "a=1; b=2")]));
    }

    #[test]
    fn an_upstream_does_not_speak_for_the_origin() {
        let received = map(&[
            ("content-type", "text/plain"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=1"),
            ("strict-transport-security", "max-age=1"),
            ("clear-site-data", "*"),
            ("alt-svc", "h3=\":443\""),
            ("access-control-allow-origin", "*"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("proxy-authenticate", "Basic"),
            ("location", "/elsewhere"),
        ]);
        let sent = of_response(received.clone(), &[]);
        let expected = [("content-type", "text/plain"), ("location", "/elsewhere")];
        assert_eq!(sent, map(&expected));
        let sent = of_response(received, &[header::SET_COOKIE]);
        assert_eq!(sent.get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn forwarded_fields_are_written_as_the_standard_says() {
        let host = HeaderValue::from_static("a.example:8443");
        let mut sender = Sender {
            address: "2001:db8::7".parse().ok(),
            host: Some(&host),
            is_https: Some(true),
        };
        let written = |fields: ForwardedFields, sender: &Sender<'_>| {
            let mut headers = HeaderMap::new();
            fields.write(&mut headers, sender);
            headers
        };
        let standard = "for=\"[2001:db8::7]\";host=\"a.example:8443\";proto=https";
        assert_eq!(
            written(ForwardedFields::Standard, &sender)["forwarded"],
            standard
        );
        assert_eq!(
            written(ForwardedFields::XForwarded, &sender),
            map(&[
                ("x-forwarded-for", "2001:db8::7"),
                ("x-forwarded-host", "a.example:8443"),
                ("x-forwarded-proto", "https"),
            ])
        );
        assert!(written(ForwardedFields::Nothing, &sender).is_empty());
        sender.address = None;
        sender.is_https = None;
        let forwarded = written(ForwardedFields::Standard, &sender);
        assert_eq!(
            forwarded["forwarded"],
            "for=unknown;host=\"a.example:8443\""
        );
    }
}
