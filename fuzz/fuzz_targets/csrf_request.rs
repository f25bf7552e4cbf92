//! A request to `with_csrf`: a request that passes is safe, comes from its own or a trusted origin,
//! comes from no current browser, or is to an exempt path; if a token is required, it is the one
//! that was issued. The first line is the method and the target, the others are field lines;
//! `TOKEN` is replaced by a token.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use libfuzzer_sys::fuzz_target;
use wythe::{Csrf, CsrfTokens, With, with_csrf};
use wythe_fuzz::{Handler, fields, problem, send};

const APP: &str = "https://app.example.com";
const PREVIEWS: &str = "https://app-*.example.app";
const OWN: &str = "https://example.com";
const EXEMPT: &str = "/hooks/pay";
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

struct Policy {
    layer: With<Csrf>,
    /// Where an origin is compared with names, and not with the host.
    own: bool,
    /// Where a token is required: never, of requests without origin information, of all.
    token: Option<bool>,
}

static TOKENS: LazyLock<CsrfTokens> =
    LazyLock::new(|| CsrfTokens::new("the key that signs tokens, in forty bytes").unwrap());
static ISSUED: LazyLock<String> = LazyLock::new(|| TOKENS.issue("17").to_string());

static POLICIES: LazyLock<[Policy; 4]> = LazyLock::new(|| {
    let base = Csrf::same_origin().trust_origins([APP, PREVIEWS]).unwrap();
    let base = base.exempt([EXEMPT]).unwrap();
    let own = base.clone().own_origins([OWN]).unwrap();
    let tokens = TOKENS.clone();
    let fallback = base
        .clone()
        .fallback_token(tokens.clone(), |_| Some("17".into()));
    let required = base.clone().required_token(tokens, |_| Some("17".into()));
    let policy = |csrf, own, token| Policy {
        layer: with_csrf(csrf),
        own,
        token,
    };
    [
        policy(base, false, None),
        policy(own, true, None),
        policy(fallback, false, Some(false)),
        policy(required, false, Some(true)),
    ]
});

/// Whether the pattern matches.
fn is_preview(origin: &str) -> bool {
    let origin = origin.to_ascii_lowercase();
    let part = origin.strip_prefix("https://app-");
    let part = part.and_then(|rest| rest.strip_suffix(".example.app"));
    part.is_some_and(|part| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !part.is_empty() && part.len() + 4 <= 63 && part.bytes().all(plain)
    })
}

/// All lines of a field, as text; values that are not text are left out.
fn lines(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
    let lines = headers.get_all(name).iter();
    lines.map(|line| line.to_str().unwrap_or("?")).collect()
}

/// Whether these name the same server, in the simplest form: only the default port may be left out
/// or written, and a browser must not be able to read anything in it differently.
fn is_same(origin: &str, host: &str) -> bool {
    let origin = origin.to_ascii_lowercase();
    let (default, place) = match origin.split_once("://") {
        Some(("https", place)) => (443, place),
        Some(("http", place)) => (80, place),
        _ => return false,
    };
    let parts = |text: &str| -> Option<(String, u32)> {
        let text = text.to_ascii_lowercase();
        let colon = text.rfind(':').filter(|at| !text[*at..].contains(']'));
        let (name, port) = text.split_at(colon.unwrap_or(text.len()));
        let port = port.strip_prefix(':').filter(|port| !port.is_empty());
        let digits = port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
        let port = port
            .map_or(Ok(default), str::parse)
            .ok()
            .filter(|_| digits)?;
        Some((name.to_owned(), port))
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
    place.bytes().all(plain) && parts(place).is_some() && parts(place) == parts(host)
}

/// Whether the origin of the request is allowed to act.
fn comes_from_us(policy: &Policy, head: &Request<()>, origin: &str) -> bool {
    if origin.eq_ignore_ascii_case(APP) || is_preview(origin) {
        return true;
    }
    if policy.own {
        return origin.eq_ignore_ascii_case(OWN);
    }
    let target = head.uri().authority().map(http::uri::Authority::as_str);
    match (target, lines(head.headers(), header::HOST).as_slice()) {
        (Some(target), _) => is_same(origin, target),
        (None, [host]) => is_same(origin, host),
        (None, _) => false,
    }
}

/// Whether the request may reach the handler.
fn may_pass(policy: &Policy, head: &Request<()>) -> bool {
    let headers = head.headers();
    let upgrade = headers.get_all(header::UPGRADE).iter();
    let upgrades = upgrade.into_iter().any(|line| {
        let line = line.as_bytes().to_ascii_lowercase();
        line.windows(9).any(|part| part == b"websocket")
    });
    let safe = ["GET", "HEAD", "OPTIONS"].contains(&head.method().as_str());
    if safe && !upgrades || head.uri().path() == EXEMPT {
        return true;
    }
    let token = lines(headers, TOKEN);
    let has_token = token == [ISSUED.as_str()];
    let needs_token = |says_something: bool| match policy.token {
        _ if safe => false,
        None => false,
        Some(always) => always || !says_something,
    };
    let origin = lines(headers, header::ORIGIN);
    match (lines(headers, SITE).as_slice(), origin.as_slice()) {
        (["same-origin" | "none"], [] | [_]) => !needs_token(true) || has_token,
        ([_], [origin]) => {
            (origin.eq_ignore_ascii_case(APP) || is_preview(origin))
                && (!needs_token(true) || has_token)
        }
        ([], []) => !needs_token(false) || has_token,
        ([], [origin]) => comes_from_us(policy, head, origin) && (!needs_token(true) || has_token),
        _ => false,
    }
}

fn parse(data: &[u8]) -> Option<Request<()>> {
    let line = data.iter().position(|byte| *byte == b'\n');
    let (first, rest) = data.split_at(line.unwrap_or(data.len()));
    let space = first.iter().position(|byte| *byte == b' ')?;
    let (method, target) = first.split_at(space);
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method).ok()?;
    *request.uri_mut() = Uri::try_from(&target[1..]).ok()?;
    *request.headers_mut() = fields(rest);
    for (name, value) in request.headers_mut() {
        if *name == TOKEN && *value == "TOKEN" {
            *value = HeaderValue::from_str(&ISSUED).unwrap();
        }
    }
    Some(request)
}

fuzz_target!(|data: &[u8]| {
    let Some(head) = parse(data) else {
        return;
    };
    for policy in POLICIES.iter() {
        let mut request = Request::new(Default::default());
        *request.method_mut() = head.method().clone();
        *request.uri_mut() = head.uri().clone();
        *request.headers_mut() = head.headers().clone();
        let response = send(&policy.layer, request, Handler::default());
        if response.status() == StatusCode::OK {
            assert!(may_pass(policy, &head), "{head:?}");
        } else {
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
            assert!(!must_pass(policy, &head), "{head:?}");
            if head.method() != Method::HEAD {
                problem(&response);
            }
        }
    }
});

/// Whether the request must not be rejected: the same rules, except for spellings of hosts that no
/// browser sends.
fn must_pass(policy: &Policy, head: &Request<()>) -> bool {
    let origin = lines(head.headers(), header::ORIGIN);
    let spelled = match origin.as_slice() {
        [] => true,
        [origin] => policy.own || [APP, OWN].contains(origin),
        _ => false,
    };
    spelled && may_pass(policy, head)
}
