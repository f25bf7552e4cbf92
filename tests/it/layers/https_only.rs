//! Requests over plain `http`.

use std::net::SocketAddr;

use http::{Method, Request, StatusCode};
use wythe::{HttpsOnly, PeerAddr, Place, Transport, with_https_only};

use crate::common::{Body, empty, problem, send};

const fn trusted() -> [&'static str; 2] {
    ["10.0.0.0/8", "2001:db8:5::/48"]
}

/// A request of this peer, with these fields.
fn from(peer: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get("/orders?page=2").header("host", "example.com");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let peer: SocketAddr = peer.parse().unwrap();
    request.extension(PeerAddr(peer)).body(empty()).unwrap()
}

const PROXY: &str = "10.0.0.5:1";
const OTHER: &str = "203.0.113.9:1";

#[tokio::test]
async fn x_forwarded_proto_counts_if_a_trusted_proxy_has_sent_it() {
    let layer = with_https_only(HttpsOnly::by(
        Transport::x_forwarded_proto(trusted()).unwrap(),
    ));
    let cases: &[(&str, &str, &[&str], bool)] = &[
        ("https", PROXY, &["https"], true),
        ("in other letters", PROXY, &["HTTPS"], true),
        ("a WebSocket", PROXY, &["wss"], true),
        ("IPv6", "[2001:db8:5::1]:1", &["https"], true),
        ("mapped", "[::ffff:10.0.0.5]:1", &["https"], true),
        ("of each proxy", PROXY, &["https, https"], true),
        ("of each proxy, in lines", PROXY, &["https", "https"], true),
        ("http", PROXY, &["http"], false),
        ("http at the edge", PROXY, &["http, https"], false),
        ("http inside", PROXY, &["https, http"], false),
        ("spoofed in a line", PROXY, &["https", "http"], false),
        ("missing", PROXY, &[], false),
        ("empty", PROXY, &[""], false),
        ("an empty entry", PROXY, &["https,"], false),
        ("something else", PROXY, &["https2"], false),
        ("of a client", OTHER, &["https"], false),
    ];
    for (case, peer, lines, passes) in cases {
        let fields: Vec<_> = lines
            .iter()
            .map(|line| ("x-forwarded-proto", *line))
            .collect();
        let response = send(&layer, from(peer, &fields)).await;
        let expected = if *passes { 200 } else { 403 };
        assert_eq!(response.status(), expected, "{case}");
    }
    let unknown = Request::get("/").header("x-forwarded-proto", "https");
    let response = send(&layer, unknown.body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn forwarded_counts_as_the_outermost_trusted_proxy_has_written_it() {
    let layer = with_https_only(HttpsOnly::by(Transport::forwarded(trusted()).unwrap()));
    let cases: &[(&str, &str, &[&str], bool)] = &[
        ("https", PROXY, &["for=203.0.113.9;proto=https"], true),
        (
            "in other letters",
            PROXY,
            &["FOR=203.0.113.9;Proto=HTTPS"],
            true,
        ),
        ("quoted", PROXY, &["for=203.0.113.9;proto=\"https\""], true),
        ("without a node", PROXY, &["proto=https"], true),
        ("a hidden node", PROXY, &["for=_x;proto=https"], true),
        (
            "plain between the proxies",
            PROXY,
            &["for=203.0.113.9;proto=https, for=10.0.0.6;proto=http"],
            true,
        ),
        (
            "in two lines",
            PROXY,
            &["for=203.0.113.9;proto=https", "for=10.0.0.6"],
            true,
        ),
        (
            "only proxies",
            PROXY,
            &["for=10.0.0.7;proto=https, for=10.0.0.6"],
            true,
        ),
        ("http", PROXY, &["for=203.0.113.9;proto=http"], false),
        (
            "spoofed by the client",
            PROXY,
            &["for=10.0.0.9;proto=https, for=203.0.113.9;proto=http"],
            false,
        ),
        (
            "spoofed in a line of its own",
            PROXY,
            &["for=203.0.113.9;proto=https", "for=203.0.113.9;proto=http"],
            false,
        ),
        ("no scheme", PROXY, &["for=203.0.113.9"], false),
        (
            "twice",
            PROXY,
            &["for=203.0.113.9;proto=https;proto=https"],
            false,
        ),
        ("malformed", PROXY, &["for=203.0.113.9;proto=https;"], true),
        ("not a pair", PROXY, &["for=203.0.113.9;proto"], false),
        ("missing", PROXY, &[], false),
        (
            "of a client",
            OTHER,
            &["for=203.0.113.9;proto=https"],
            false,
        ),
    ];
    for (case, peer, lines, passes) in cases {
        let fields: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
        let response = send(&layer, from(peer, &fields)).await;
        let expected = if *passes { 200 } else { 403 };
        assert_eq!(response.status(), expected, "{case}");
    }
}

const TARGET: &str = "/orders?page=2";
const OWN: &str = "https://example.com/orders?page=2";

fn by() -> HttpsOnly {
    HttpsOnly::by(Transport::x_forwarded_proto_of_any_peer())
}

fn policy() -> HttpsOnly {
    let hosts = ["example.com", "www.example.com:8443", "[2001:db8::7]"];
    by().redirect_to(hosts).unwrap()
}

fn every() -> HttpsOnly {
    policy().dangerously_redirect_every_method()
}

fn temporarily() -> HttpsOnly {
    policy().temporarily()
}

type Case = (
    &'static str,
    fn() -> HttpsOnly,
    Method,
    &'static str,
    &'static str,
    Option<&'static str>,
    u16,
    Option<&'static str>,
);

/// A name, the policy, the method, the target, `Host`, another field, the status and `Location`.
const REDIRECTS: &[Case] = &[
    (
        "no redirect",
        by,
        Method::GET,
        TARGET,
        "example.com",
        None,
        403,
        None,
    ),
    (
        "GET",
        policy,
        Method::GET,
        TARGET,
        "example.com",
        None,
        308,
        Some(OWN),
    ),
    (
        "HEAD",
        policy,
        Method::HEAD,
        TARGET,
        "example.com",
        None,
        308,
        Some(OWN),
    ),
    (
        "POST",
        policy,
        Method::POST,
        TARGET,
        "example.com",
        None,
        403,
        None,
    ),
    (
        "OPTIONS",
        policy,
        Method::OPTIONS,
        TARGET,
        "example.com",
        None,
        403,
        None,
    ),
    (
        "every method",
        every,
        Method::POST,
        TARGET,
        "example.com",
        None,
        308,
        Some(OWN),
    ),
    (
        "every method, *",
        every,
        Method::OPTIONS,
        "*",
        "example.com",
        None,
        308,
        Some("https://example.com/"),
    ),
    (
        "for now",
        temporarily,
        Method::GET,
        TARGET,
        "example.com",
        None,
        307,
        Some(OWN),
    ),
    (
        "credentials",
        policy,
        Method::GET,
        TARGET,
        "example.com",
        Some("authorization"),
        403,
        None,
    ),
    (
        "credentials, every method",
        every,
        Method::POST,
        TARGET,
        "example.com",
        Some("authorization"),
        403,
        None,
    ),
    (
        "a port of http",
        policy,
        Method::GET,
        TARGET,
        "example.com:8080",
        None,
        308,
        Some(OWN),
    ),
    (
        "another of the list",
        policy,
        Method::GET,
        TARGET,
        "WWW.example.com",
        None,
        308,
        Some("https://www.example.com:8443/orders?page=2"),
    ),
    (
        "an address",
        policy,
        Method::GET,
        TARGET,
        "[2001:db8::7]:80",
        None,
        308,
        Some("https://[2001:db8::7]/orders?page=2"),
    ),
    (
        "a host of an attacker",
        policy,
        Method::GET,
        TARGET,
        "evil.example",
        None,
        308,
        Some(OWN),
    ),
    (
        "with a user",
        policy,
        Method::GET,
        TARGET,
        "example.com@evil.example",
        None,
        308,
        Some(OWN),
    ),
    (
        "another host in the path",
        policy,
        Method::GET,
        "//evil.example/",
        "example.com",
        None,
        308,
        Some("https://example.com//evil.example/"),
    ),
    (
        "an absolute target",
        policy,
        Method::GET,
        "http://www.example.com/a",
        "example.com",
        None,
        308,
        Some("https://www.example.com:8443/a"),
    ),
];

#[tokio::test]
async fn redirects_what_only_reads_to_a_host_of_the_policy() {
    for (case, policy, method, target, host, field, status, location) in REDIRECTS {
        let mut request = Request::builder()
            .method(method)
            .uri(*target)
            .header("host", *host);
        if let Some(field) = field {
            request = request.header(*field, "Bearer secret");
        }
        let request = request.body(empty()).unwrap();
        let response = send(&with_https_only(policy()), request).await;
        assert_eq!(response.status(), *status, "{case}");
        let found = response.headers().get("location");
        let found = found.map(|value| value.to_str().unwrap());
        assert_eq!(found, *location, "{case}");
        if *status == 403 {
            let problem = problem(&response, StatusCode::FORBIDDEN);
            let detail = "HTTPS is required. The request was sent unencrypted: replace any credentials \
                          that it contained.";
            assert_eq!(problem["detail"], detail, "{case}");
        } else {
            assert!(response.body().is_empty(), "{case}");
        }
    }
}

#[tokio::test]
async fn passes_everything_if_the_listener_has_only_tls() {
    let layer = with_https_only(HttpsOnly::by(Transport::tls()));
    let request = Request::get("/").header("x-forwarded-proto", "http");
    let response = send(&layer, request.body(empty()).unwrap()).await;
    assert_eq!(response.status(), 200);
}

#[test]
fn invalid_policies_are_errors() {
    by().redirect_to([""; 0]).unwrap_err();
    for host in ["", "https://a", "a/b", "a:443", "*.a", "a.", "user@a"] {
        assert!(by().redirect_to([host]).is_err(), "{host}");
    }
    Transport::x_forwarded_proto([""; 0]).unwrap_err();
    Transport::x_forwarded_proto(["::/0"]).unwrap_err();
    Transport::forwarded(["not a network"]).unwrap_err();
}

#[test]
fn describes_what_it_answers() {
    let answers = |policy: HttpsOnly| -> Vec<_> {
        let description = with_https_only(policy).describe();
        description
            .answers()
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let behind = || HttpsOnly::by(Transport::forwarded(trusted()).unwrap());
    assert_eq!(
        answers(HttpsOnly::by(Transport::tls())),
        ["403 over plain http"]
    );
    assert_eq!(
        answers(behind().redirect_to(["a.example"]).unwrap()),
        [
            "308 over plain http, to read",
            "403 over plain http",
            "421 over plain http, for an absolute `https` target",
            "500 when the server does not provide the address of the peer"
        ]
    );
    let shown = format!("{:?}", with_https_only(behind()));
    assert!(
        shown.contains("Forwarded of 2 networks") && !shown.contains("10.0"),
        "{shown}"
    );
}

#[tokio::test]
async fn an_absolute_https_target_over_plain_http_is_misdirected() {
    // RFC 9110, section 7.4.
    const V1: http::Version = http::Version::HTTP_11;
    const V2: http::Version = http::Version::HTTP_2;
    let no_redirect = by as fn() -> HttpsOnly;
    let policy = policy as fn() -> HttpsOnly;
    // The policy, the target, the version, what the proxy says, the status.
    let cases = [
        (no_redirect, "https://example.com/a", V1, "http", 421),
        (policy, "https://example.com/a", V1, "http", 421),
        (policy, "HTTPS://example.com/a", V1, "http", 421),
        (policy, "https://example.com/a", V1, "https", 200),
        (policy, "http://example.com/a", V1, "http", 308),
        (no_redirect, "http://example.com/a", V1, "http", 403),
        // In HTTP/2, a proxy may have chosen the `:scheme`.
        (policy, "https://example.com/a", V2, "http", 308),
    ];
    for (policy, target, version, proto, status) in cases {
        let request = Request::get(target).version(version);
        let request = request
            .header("x-forwarded-proto", proto)
            .body(empty())
            .unwrap();
        let response = send(&with_https_only(policy()), request).await;
        assert_eq!(response.status(), status, "{target} {version:?} {proto}");
        if status == 421 {
            let json = problem(&response, StatusCode::MISDIRECTED_REQUEST);
            assert_eq!(
                json["detail"],
                "The target is an `https` URI, but the request was sent over plain HTTP."
            );
        }
    }
}

#[cfg(feature = "cors")]
#[tokio::test]
async fn outside_cors_preflights_over_plain_http_are_rejected() {
    use wythe::{Cors, compose, with_cors};

    let cors = || with_cors(Cors::any().any_method());
    let outside = compose((with_https_only(by()), cors()));
    let inside = compose((cors(), with_https_only(by())));
    let preflight = |proto: &str| {
        Request::options("/orders")
            .header("x-forwarded-proto", proto)
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "PUT")
            .body(empty())
            .unwrap()
    };
    for (proto, status) in [("https", 204), ("http", 403)] {
        assert_eq!(send(&outside, preflight(proto)).await.status(), status);
        assert_eq!(send(&inside, preflight(proto)).await.status(), 204);
    }
}
