//! The span of a request: its fields have the names of the OpenTelemetry semantic conventions.

use std::fmt::{self, Write};

use http::{Request, Uri, Version, header, uri::Authority};
use tracing::{Level, Span, field::Empty};

use super::policy::Options;
use crate::request::{RequestHead, RequestId, SpanName, TraceContext, known_method, peer_addr};

/// The target of the span and of the access log. It does not begin with `wythe`, so that a filter for the
/// events of this crate, such as `wythe=warn`, does not switch off the spans around them.
pub(super) const TARGET: &str = "http_server";

/// The most bytes of a path or query that are recorded.
const MAX_URL_BYTES: usize = 1024;

/// The most bytes of a name that a client has chosen.
const MAX_NAME_BYTES: usize = 256;

/// The span of a request, not entered. If no subscriber wants it, nothing is computed.
pub(super) fn open<B>(options: &Options, request: &Request<B>, context: &TraceContext) -> Span {
    if !tracing::span_enabled!(target: TARGET, Level::INFO) {
        return Span::none();
    }
    let head = RequestHead::from(request);
    let (uri, extensions) = (head.uri(), request.extensions());
    let method = known_method(request.method());
    let original = method
        .is_none()
        .then(|| request.method().as_str().as_bytes());
    let scheme = uri
        .scheme_str()
        .filter(|scheme| matches!(*scheme, "http" | "https"));
    let path = (!options.hides_path).then(|| uri.path().as_bytes());
    let query = uri.query().filter(|_| !options.query.is_empty());
    let query = query.map(|query| redacted(query, &options.query));
    let host = host(uri, request);
    let agent = request.headers().get(header::USER_AGENT);
    let route = head.known_route();
    // Where the caller's trace is continued, it is the trace of this request.
    let caller = context.caller().filter(|_| context.parent_id().is_none());
    tracing::info_span!(
        target: TARGET,
        "request",
        otel.name = display(SpanName(request.method(), route)),
        otel.kind = "server",
        otel.status_code = Empty,
        request_id = extensions.get::<RequestId>().map(RequestId::as_str),
        trace_id = Empty,
        span_id = Empty,
        parent_span_id = context.parent_id().map(display),
        caller_trace_id = caller.map(|caller| display(caller.trace_id())),
        http.request.method = method.unwrap_or("_OTHER"),
        http.request.method_original = original.map(|name| display(Excerpt(name, MAX_NAME_BYTES))),
        http.route = route,
        http.response.status_code = Empty,
        "error.type" = Empty,
        url.scheme = scheme.unwrap_or(options.scheme),
        url.path = path.map(|path| display(Excerpt(path, MAX_URL_BYTES))),
        url.query = query.as_deref().map(|query| display(Excerpt(query.as_bytes(), MAX_URL_BYTES))),
        server.address = host.as_ref().map(Authority::host),
        server.port = host.as_ref().and_then(Authority::port_u16),
        client.address = Empty,
        network.peer.address = peer_addr(extensions).map(|peer| display(peer.ip())),
        network.protocol.version = version(request.version()),
        user_agent.original = agent.map(|agent| display(Excerpt(agent.as_bytes(), MAX_NAME_BYTES))),
    )
}

const fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_09 => Some("0.9"),
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}

/// The host that the client asks for: `:authority`, or `Host`. It is left out if it is not the name of a
/// host, or is longer than one can be.
fn host<B>(uri: &Uri, request: &Request<B>) -> Option<Authority> {
    let authority = match uri.authority() {
        Some(authority) => authority.clone(),
        None => Authority::try_from(request.headers().get(header::HOST)?.as_bytes()).ok()?,
    };
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~[]:".contains(&byte);
    let host = authority.host();
    (host.len() <= MAX_NAME_BYTES && host.bytes().all(is_part)).then_some(authority)
}

/// The query with the values of these parameters only.
fn redacted(query: &str, parameters: &[String]) -> String {
    let mut shown = String::with_capacity(query.len());
    for (place, pair) in query.split('&').enumerate() {
        if place > 0 {
            shown.push('&');
        }
        match pair.split_once('=') {
            Some((name, _)) if !parameters.iter().any(|known| known == name) => {
                shown.push_str(name);
                shown.push_str("=REDACTED");
            }
            // Without an equals sign, all of it may be a secret.
            None if !parameters.iter().any(|known| known == pair) => shown.push_str("REDACTED"),
            _ => shown.push_str(pair),
        }
    }
    shown
}

/// What a client has sent: no more than the beginning of a long text, with escapes for what a log could
/// take for something else.
struct Excerpt<'a>(&'a [u8], usize);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, max_bytes) = *self;
        let beginning = text.get(..max_bytes).unwrap_or(text);
        for chunk in beginning.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    ' '..='~' if character != '"' && character != '\\' => {
                        f.write_char(character)?;
                    }
                    other => write!(f, "{}", other.escape_debug())?,
                }
            }
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        f.write_str(if text.len() > max_bytes { ".." } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::{Excerpt, redacted};

    #[test]
    fn values_of_other_parameters_are_not_shown() {
        let parameters = ["page".to_owned(), "q".to_owned()];
        let cases = [
            ("page=2", "page=2"),
            ("page=2&token=hunter2&q=a", "page=2&token=REDACTED&q=a"),
            ("token=a=b", "token=REDACTED"),
            ("hunter2", "REDACTED"),
            ("q", "q"),
            (
                "Page=hunter2&%70age=hunter2",
                "Page=REDACTED&%70age=REDACTED",
            ),
            ("&", "REDACTED&REDACTED"),
        ];
        for (query, expected) in cases {
            assert_eq!(redacted(query, &parameters), expected);
        }
    }

    #[test]
    fn what_a_client_has_sent_is_escaped_and_cut() {
        let cases: [(&[u8], &str); 6] = [
            (b"/it's a path/%0a", "/it's a path/%0a"),
            (b"a\nb\x1b[0m", "a\\nb\\u{1b}[0m"),
            (b"\"\\", "\\\"\\\\"),
            (b"\xff", "\\xff"),
            (b"12345678901234567", "1234567890123456.."),
            ("\u{202e}".as_bytes(), "\\u{202e}"),
        ];
        for (text, expected) in cases {
            assert_eq!(Excerpt(text, 16).to_string(), expected);
        }
    }
}
