//! A list of the hosts that are served.

use std::net::SocketAddr;

use http::{Request, StatusCode, Version};
use wythe::{Hosts, PeerAddr, Place, with_hosts};

use crate::common::{Body, empty, problem, send};

fn hosts() -> Hosts {
    Hosts::list([
        "example.com",
        "*.example.net",
        "localhost:*",
        "[2001:db8::7]",
    ])
    .unwrap()
}

/// A request with this target, these fields, in this version.
fn request(target: &str, fields: &[(&str, &[u8])], version: Version) -> Request<Body> {
    let mut request = Request::builder().uri(target).version(version);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(empty()).unwrap()
}

const V1: Version = Version::HTTP_11;
const V2: Version = Version::HTTP_2;
type Case = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static [u8])],
    Version,
    u16,
);
/// A name, a target, fields, the version and the status.
const CASES: &[Case] = &[
    // RFC 9112, section 3.2.
    ("listed", "/", &[("host", b"example.com")], V1, 200),
    ("a subdomain", "/", &[("host", b"a.b.example.net")], V1, 200),
    (
        "in other letters",
        "/",
        &[("host", b"EXAMPLE.com")],
        V1,
        200,
    ),
    (
        "a default port",
        "/",
        &[("host", b"example.com:443")],
        V1,
        200,
    ),
    ("any port", "/", &[("host", b"localhost:5173")], V1, 200),
    ("an address", "/", &[("host", b"[2001:DB8::0:7]")], V1, 200),
    ("another", "/", &[("host", b"evil.example")], V1, 421),
    (
        "another port",
        "/",
        &[("host", b"example.com:8443")],
        V1,
        421,
    ),
    (
        "the parent of a wildcard",
        "/",
        &[("host", b"example.net")],
        V1,
        421,
    ),
    (
        "an address that is not listed",
        "/",
        &[("host", b"127.0.0.1")],
        V1,
        421,
    ),
    ("missing", "/", &[], V1, 400),
    ("empty", "/", &[("host", b"")], V1, 400),
    (
        "twice",
        "/",
        &[("host", b"example.com"), ("host", b"example.com")],
        V1,
        400,
    ),
    (
        "two in one",
        "/",
        &[("host", b"example.com, evil.example")],
        V1,
        400,
    ),
    ("a user", "/", &[("host", b"user@example.com")], V1, 400),
    (
        "a dot at the end",
        "/",
        &[("host", b"example.com.")],
        V1,
        400,
    ),
    ("a number", "/", &[("host", b"2130706433")], V1, 400),
    (
        "not ASCII",
        "/",
        &[("host", b"b\xc3\xbccher.example")],
        V1,
        400,
    ),
    ("a path", "/", &[("host", b"example.com/")], V1, 400),
    ("in HTTP/1.0, missing", "/", &[], Version::HTTP_10, 400),
    // RFC 9112, section 3.2.2.
    (
        "an absolute target",
        "http://example.com/",
        &[("host", b"example.com")],
        V1,
        200,
    ),
    (
        "a target with a port",
        "http://example.com:80/",
        &[("host", b"example.com")],
        V1,
        200,
    ),
    (
        "a target that differs",
        "http://example.com/",
        &[("host", b"a.example.net")],
        V1,
        400,
    ),
    (
        "another target",
        "http://evil.example/",
        &[("host", b"evil.example")],
        V1,
        421,
    ),
    // RFC 9113, section 8.3.1.
    (":authority", "https://example.com/", &[], V2, 200),
    (
        ":authority and Host",
        "https://example.com/",
        &[("host", b"Example.com")],
        V2,
        200,
    ),
    ("only Host", "/", &[("host", b"example.com")], V2, 200),
    ("another :authority", "https://evil.example/", &[], V2, 421),
    (
        "Host that differs",
        "https://example.com/",
        &[("host", b"evil.example")],
        V2,
        400,
    ),
    (
        "a user in :authority",
        "https://user@example.com/",
        &[],
        V2,
        400,
    ),
    ("neither", "/", &[], V2, 400),
    // Nobody is trusted.
    (
        "forwarded",
        "/",
        &[
            ("host", b"evil.example"),
            ("x-forwarded-host", b"example.com"),
        ],
        V1,
        421,
    ),
];

#[tokio::test]
async fn serves_the_hosts_of_the_list() {
    let layer = with_hosts(hosts());
    for (case, target, fields, version, status) in CASES {
        let response = send(&layer, request(target, fields, *version)).await;
        assert_eq!(response.status(), *status, "{case}");
        let detail = match status {
            421 => "This server does not serve the host of the request.",
            400 => "The request must name one valid host.",
            _ => continue,
        };
        let problem = problem(&response, StatusCode::from_u16(*status).unwrap());
        assert_eq!(problem["detail"], detail, "{case}");
    }
}

#[tokio::test]
async fn reads_the_forwarded_host_of_trusted_proxies_only() {
    let layer = with_hosts(hosts().x_forwarded_host(["10.0.0.0/8"]).unwrap());
    let proxy = Some("10.0.0.5:1");
    let other = Some("203.0.113.9:1");
    // The peer, `X-Forwarded-Host`, `Host`, the status.
    let cases: [(_, &[&str], _, u16); 9] = [
        (proxy, &["example.com"], "internal", 200),
        (proxy, &["evil.example"], "example.com", 421),
        (proxy, &["example.com", "example.com"], "internal", 400),
        (proxy, &["evil.example, example.com"], "internal", 400),
        (proxy, &[], "example.com", 200),
        (proxy, &[], "internal", 421),
        (other, &["example.com"], "evil.example", 421),
        (other, &["evil.example"], "example.com", 200),
        (None, &["example.com"], "example.com", 500),
    ];
    for (peer, forwarded, host, status) in cases {
        let mut fields = vec![("host", host.as_bytes())];
        fields.extend(
            forwarded
                .iter()
                .map(|host| ("x-forwarded-host", host.as_bytes())),
        );
        let mut request = request("/", &fields, Version::HTTP_11);
        if let Some(peer) = peer {
            let peer: SocketAddr = peer.parse().unwrap();
            request.extensions_mut().insert(PeerAddr(peer));
        }
        let response = send(&layer, request).await;
        assert_eq!(response.status(), status, "{peer:?} {forwarded:?} {host}");
    }
}

#[test]
fn a_list_that_checks_nothing_or_rejects_everything_is_an_error() {
    Hosts::list([""; 0]).unwrap_err();
    for text in [
        "*",
        "https://example.com",
        "example.com/",
        "b\u{fc}cher.example",
    ] {
        assert!(Hosts::list(["example.com", text]).is_err(), "{text}");
    }
    for trusted in [vec![], vec!["0.0.0.0/0"]] {
        assert!(
            hosts().x_forwarded_host(trusted.clone()).is_err(),
            "{trusted:?}"
        );
    }
}

#[test]
fn describes_its_list() {
    let description = with_hosts(hosts()).describe();
    let answers: Vec<_> = description
        .answers()
        .iter()
        .map(ToString::to_string)
        .collect();
    let list = "example.com, *.example.net, localhost:*, [2001:db8::7]";
    assert_eq!(
        answers,
        [
            "400 without one valid host".to_owned(),
            format!("421 to a host other than {list}")
        ]
    );
    assert!(description.answers()[1].provocation().is_some());
}

#[cfg(feature = "cors")]
#[tokio::test]
async fn outside_cors_preflights_to_other_hosts_are_rejected() {
    use wythe::{Cors, compose, with_cors};

    let cors = || with_cors(Cors::any().any_method());
    let outside = compose((with_hosts(hosts()), cors()));
    let inside = compose((cors(), with_hosts(hosts())));
    let preflight = |host: &str| {
        let fields = [
            ("host", host.as_bytes()),
            ("origin", b"https://app.example.com"),
            ("access-control-request-method", b"PUT"),
        ];
        let mut request = request("/", &fields, V1);
        *request.method_mut() = http::Method::OPTIONS;
        request
    };
    for (host, status) in [("example.com", 204), ("evil.example", 421)] {
        assert_eq!(send(&outside, preflight(host)).await.status(), status);
        assert_eq!(send(&inside, preflight(host)).await.status(), 204);
    }
    // The request itself is rejected in both.
    let other = || request("/", &[("host", b"evil.example")], V1);
    assert_eq!(send(&outside, other()).await.status(), 421);
    assert_eq!(send(&inside, other()).await.status(), 421);
}
