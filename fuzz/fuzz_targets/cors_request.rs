//! A request to `with_cors`, and the fields that its handler sets: no origin is allowed that the
//! policy does not list, `*` never occurs together with credentials, and `Vary` covers what the
//! response depends on. The first line is the method; an empty line separates the two heads.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, Method, Request, Response, header};
use libfuzzer_sys::fuzz_target;
use wythe::{Cors, With, with_cors};
use wythe_fuzz::{Handler, fields, members, send};

const APP: &str = "https://app.example.com";
const PATTERNS: [&str; 4] = [
    APP,
    "https://*.example.com:*",
    "http://localhost:*",
    "https://app-*.example.app:*",
];
const PREFLIGHT: [&str; 3] = [
    "origin",
    "access-control-request-method",
    "access-control-request-headers",
];

struct Policy {
    layer: With<Cors>,
    /// What every response allows.
    fixed: Option<&'static str>,
    credentials: bool,
}

/// Any origin, one origin, patterns, a closure.
static POLICIES: LazyLock<[Policy; 4]> = LazyLock::new(|| {
    let one = Cors::origins([APP]).unwrap().credentials();
    let patterns = Cors::origins(PATTERNS).unwrap().credentials();
    let closure = Cors::origins_where(|origin, _| is_allowed(origin.as_str()));
    let policy = |cors: Cors, fixed, credentials| Policy {
        layer: with_cors(cors),
        fixed,
        credentials,
    };
    [
        policy(Cors::any().any_header().into(), Some("*"), false),
        policy(one.into(), Some(APP), true),
        policy(patterns.mirrored_headers().into(), None, true),
        policy(closure.into(), None, false),
    ]
});

/// Whether the patterns allow an origin, in the simplest form; a browser must not be able to read
/// anything in it differently.
fn is_allowed(origin: &str) -> bool {
    let origin = origin.to_ascii_lowercase();
    let (scheme, rest) = origin.split_once("://").unwrap_or_default();
    let (host, port) = rest.split_once(':').unwrap_or((rest, "1"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    port.parse::<u16>().is_ok()
        && host.bytes().all(plain)
        && match scheme {
            "https" => host.ends_with(".example.com") || is_preview(host),
            _ => (scheme, host) == ("http", "localhost"),
        }
}

/// Whether a part of the first label is free.
fn is_preview(host: &str) -> bool {
    let part = host.strip_prefix("app-");
    let part = part.and_then(|rest| rest.strip_suffix(".example.app"));
    part.is_some_and(|part| !part.is_empty() && !part.contains('.'))
}

/// The field's line, if there is exactly one.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut lines = headers.get_all(name).iter();
    lines
        .next()
        .filter(|_| lines.next().is_none())?
        .to_str()
        .ok()
}

/// Whether a preflight requests no more than the policy of one origin allows.
fn is_allowed_from_one(asked: &HeaderMap) -> bool {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let origin = only(asked, header::ORIGIN);
    let method = only(asked, header::ACCESS_CONTROL_REQUEST_METHOD);
    let names = members(asked, header::ACCESS_CONTROL_REQUEST_HEADERS);
    origin.is_some_and(|origin| origin.eq_ignore_ascii_case(APP))
        && method.is_some_and(|method| methods.contains(&method))
        && names
            .iter()
            .all(|name| name == "authorization" || name == "content-type")
}

fn check_origin(policy: &Policy, asked: &HeaderMap, response: &Response<impl Sized>) {
    let headers = response.headers();
    let allowed = Vec::from_iter(headers.get_all(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    match (allowed.as_slice(), policy.fixed) {
        ([], fixed) => assert!(fixed.is_none() || response.status() == 204),
        ([origin], Some(fixed)) => assert_eq!(*origin, fixed),
        ([origin], None) => {
            let origin = origin.to_str().unwrap();
            let asked = only(asked, header::ORIGIN).expect("one origin");
            assert!(origin.eq_ignore_ascii_case(asked));
            assert!(is_allowed(origin), "{origin}");
        }
        _ => panic!("several origins are allowed: {headers:?}"),
    }
    let credentials = headers.get_all(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
    let expected = (policy.credentials && !allowed.is_empty()).then_some("true");
    assert!(credentials.iter().eq(expected), "{headers:?}");
}

fn check(policy: &Policy, method: &Method, asked: &HeaderMap, set: &HeaderMap) {
    let mut request = Request::new(Default::default());
    *request.method_mut() = method.clone();
    *request.headers_mut() = asked.clone();
    let handler = Handler {
        headers: set.clone(),
        ..Handler::default()
    };
    let response = send(&policy.layer, request, handler);
    check_origin(policy, asked, &response);

    let is_preflight = method == Method::OPTIONS
        && asked.contains_key(header::ORIGIN)
        && asked.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    assert_eq!(response.status(), if is_preflight { 204 } else { 200 });
    let mut vary = members(set, header::VARY);
    if is_preflight {
        let allowed = response
            .headers()
            .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert!(policy.fixed != Some(APP) || allowed == is_allowed_from_one(asked));
        vary = PREFLIGHT.map(str::to_owned).into();
    } else if policy.fixed.is_none() && !vary.iter().any(|name| name == "*" || name == "origin") {
        vary.push("origin".to_owned());
    }
    assert_eq!(members(response.headers(), header::VARY), vary);
}

fuzz_target!(|data: &[u8]| {
    let line = data
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(data.len());
    let (method, rest) = data.split_at(line);
    let Ok(method) = Method::from_bytes(method) else {
        return;
    };
    let empty = rest
        .windows(2)
        .position(|bytes| bytes == b"\n\n")
        .unwrap_or(rest.len());
    let (asked, set) = rest.split_at(empty);
    let (asked, set) = (fields(asked), fields(set));
    for policy in POLICIES.iter() {
        check(policy, &method, &asked, &set);
    }
});
