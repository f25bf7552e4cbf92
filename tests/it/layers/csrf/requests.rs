//! Tables of requests, each with its result.

use http::{Request, Version};
use wythe::{
    Csrf,
    csrf::{CsrfRefusal, CsrfRefusal::*},
};

use super::{APP, request, send};
use crate::common;

type Case = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    Option<CsrfRefusal>,
);

const HOST: (&str, &str) = ("host", "example.com");
const OWN: (&str, &str) = ("origin", "https://example.com");
const EVIL: (&str, &str) = ("origin", "https://evil.example");
const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");
const SAME_SITE: (&str, &str) = ("sec-fetch-site", "same-site");
const CROSS_SITE: (&str, &str) = ("sec-fetch-site", "cross-site");
const NONE: (&str, &str) = ("sec-fetch-site", "none");
const TRUSTED: (&str, &str) = ("origin", APP);

async fn check(csrf: &Csrf, uri: &str, cases: &[Case]) {
    for (name, method, fields, expected) in cases {
        let found = send(csrf.clone(), request(method, uri, fields)).await;
        assert_eq!(found, *expected, "{name}");
    }
}

#[tokio::test]
async fn only_safe_methods_pass_unchecked() {
    let cases: &[Case] = &[
        ("GET", "GET", &[HOST, CROSS_SITE, EVIL], None),
        ("HEAD", "HEAD", &[HOST, CROSS_SITE, EVIL], None),
        ("OPTIONS", "OPTIONS", &[HOST, CROSS_SITE, EVIL], None),
        ("GET of null", "GET", &[HOST, ("origin", "null")], None),
        ("GET, two sites", "GET", &[CROSS_SITE, CROSS_SITE], None),
        ("POST", "POST", &[CROSS_SITE], Some(CrossSite)),
        ("PUT", "PUT", &[CROSS_SITE], Some(CrossSite)),
        ("PATCH", "PATCH", &[CROSS_SITE], Some(CrossSite)),
        ("DELETE", "DELETE", &[CROSS_SITE], Some(CrossSite)),
        ("TRACE", "TRACE", &[CROSS_SITE], Some(CrossSite)),
        ("CONNECT", "CONNECT", &[CROSS_SITE], Some(CrossSite)),
        ("QUERY", "QUERY", &[CROSS_SITE], Some(CrossSite)),
        ("in lower case", "get", &[CROSS_SITE], Some(CrossSite)),
        ("unknown", "BREW", &[CROSS_SITE], Some(CrossSite)),
        ("unknown, own", "BREW", &[SAME_ORIGIN], None),
    ];
    check(&Csrf::same_origin(), "/", cases).await;
}

#[tokio::test]
async fn sec_fetch_site_decides_if_the_browser_sends_it() {
    let cases: &[Case] = &[
        ("same origin", "POST", &[SAME_ORIGIN], None),
        ("the user", "POST", &[NONE], None),
        (
            "same origin, whatever the host",
            "POST",
            &[SAME_ORIGIN, HOST, EVIL],
            None,
        ),
        (
            "same origin, null",
            "POST",
            &[SAME_ORIGIN, ("origin", "null")],
            None,
        ),
        ("same site", "POST", &[SAME_SITE, HOST], Some(CrossSite)),
        ("cross site", "POST", &[CROSS_SITE, HOST], Some(CrossSite)),
        (
            "cross site, own origin",
            "POST",
            &[CROSS_SITE, HOST, OWN],
            Some(CrossSite),
        ),
        ("cross site, trusted", "POST", &[CROSS_SITE, TRUSTED], None),
        ("same site, trusted", "POST", &[SAME_SITE, TRUSTED], None),
        (
            "cross site, null",
            "POST",
            &[CROSS_SITE, ("origin", "null")],
            Some(CrossSite),
        ),
        (
            "upper case",
            "POST",
            &[("sec-fetch-site", "Same-Origin")],
            Some(CrossSite),
        ),
        (
            "a value to come",
            "POST",
            &[("sec-fetch-site", "same-party")],
            Some(CrossSite),
        ),
        (
            "a parameter",
            "POST",
            &[("sec-fetch-site", "none;a")],
            Some(CrossSite),
        ),
        (
            "a list",
            "POST",
            &[("sec-fetch-site", "none, none")],
            Some(CrossSite),
        ),
        ("empty", "POST", &[("sec-fetch-site", "")], Some(CrossSite)),
        (
            "not ASCII",
            "POST",
            &[("sec-fetch-site", "n\u{f6}ne")],
            Some(CrossSite),
        ),
        (
            "twice the same",
            "POST",
            &[SAME_ORIGIN, SAME_ORIGIN],
            Some(SeveralFields),
        ),
        (
            "two that differ",
            "POST",
            &[NONE, CROSS_SITE],
            Some(SeveralFields),
        ),
        (
            "two origins",
            "POST",
            &[SAME_ORIGIN, OWN, OWN],
            Some(SeveralFields),
        ),
    ];
    check(&trusting_app(), "/", cases).await;
}

fn trusting_app() -> Csrf {
    Csrf::same_origin().trust_origins([APP]).unwrap()
}

#[tokio::test]
async fn without_sec_fetch_site_the_origin_is_compared_with_the_host() {
    let cases: &[Case] = &[
        ("neither", "POST", &[HOST], None),
        ("neither, no host", "POST", &[], None),
        ("own", "POST", &[HOST, OWN], None),
        (
            "own, by http",
            "POST",
            &[HOST, ("origin", "http://example.com")],
            None,
        ),
        ("upper case", "POST", &[("host", "EXAMPLE.com"), OWN], None),
        (
            "the default port",
            "POST",
            &[("host", "example.com:443"), OWN],
            None,
        ),
        (
            "another port",
            "POST",
            &[("host", "example.com:8443"), OWN],
            Some(OtherOrigin),
        ),
        ("another host", "POST", &[HOST, EVIL], Some(OtherOrigin)),
        (
            "a subdomain",
            "POST",
            &[HOST, ("origin", "https://a.example.com")],
            Some(OtherOrigin),
        ),
        (
            "the parent",
            "POST",
            &[("host", "a.example.com"), OWN],
            Some(OtherOrigin),
        ),
        (
            "null",
            "POST",
            &[HOST, ("origin", "null")],
            Some(NullOrigin),
        ),
        (
            "null to null",
            "POST",
            &[("host", "null"), ("origin", "null")],
            Some(NullOrigin),
        ),
    ];
    check(&trusting_app(), "/", cases).await;
}

#[tokio::test]
async fn a_malformed_origin_never_matches() {
    let cases: &[Case] = &[
        (
            "no scheme",
            "POST",
            &[HOST, ("origin", "example.com")],
            Some(OtherOrigin),
        ),
        (
            "an app",
            "POST",
            &[HOST, ("origin", "app://example.com")],
            Some(OtherOrigin),
        ),
        (
            "a user",
            "POST",
            &[HOST, ("origin", "https://evil@example.com")],
            Some(OtherOrigin),
        ),
        (
            "a path",
            "POST",
            &[HOST, ("origin", "https://example.com/")],
            Some(OtherOrigin),
        ),
        (
            "two in a line",
            "POST",
            &[HOST, ("origin", "https://example.com https://evil.example")],
            Some(OtherOrigin),
        ),
        ("empty", "POST", &[HOST, ("origin", "")], Some(OtherOrigin)),
        (
            "not ASCII",
            "POST",
            &[HOST, ("origin", "https://ex\u{e4}mple.com")],
            Some(OtherOrigin),
        ),
        ("two lines", "POST", &[HOST, OWN, OWN], Some(SeveralFields)),
        (
            "two lines, the first trusted",
            "POST",
            &[HOST, TRUSTED, EVIL],
            Some(SeveralFields),
        ),
        (
            "a dot at both ends",
            "POST",
            &[("host", "example.com."), ("origin", "https://example.com.")],
            None,
        ),
        (
            "a dot at the origin's end",
            "POST",
            &[HOST, ("origin", "https://example.com.")],
            Some(OtherOrigin),
        ),
        (
            "two dots at both ends",
            "POST",
            &[
                ("host", "example.com.."),
                ("origin", "https://example.com.."),
            ],
            Some(OtherOrigin),
        ),
        (
            "a dot at the host's end",
            "POST",
            &[("host", "example.com."), OWN],
            Some(OtherOrigin),
        ),
    ];
    check(&trusting_app(), "/", cases).await;
}

#[tokio::test]
async fn without_a_host_or_with_another_only_trusted_origins_pass() {
    let cases: &[Case] = &[
        ("no host", "POST", &[OWN], Some(NoHost)),
        ("an empty host", "POST", &[("host", ""), OWN], Some(NoHost)),
        ("two hosts", "POST", &[HOST, HOST, OWN], Some(NoHost)),
        (
            "a host that is not ASCII",
            "POST",
            &[("host", "ex\u{e4}mple.com"), OWN],
            Some(NoHost),
        ),
        ("trusted", "POST", &[HOST, TRUSTED], None),
        ("trusted, no host", "POST", &[TRUSTED], None),
        (
            "trusted in upper case",
            "POST",
            &[HOST, ("origin", "https://APP.example.com")],
            None,
        ),
        (
            "trusted by http",
            "POST",
            &[HOST, ("origin", "http://app.example.com")],
            Some(OtherOrigin),
        ),
        (
            "trusted with a port",
            "POST",
            &[HOST, ("origin", "https://app.example.com:8443")],
            Some(OtherOrigin),
        ),
        (
            "trusted and more",
            "POST",
            &[HOST, ("origin", "https://app.example.com.evil.example")],
            Some(OtherOrigin),
        ),
        (
            "forwarded",
            "POST",
            &[
                ("host", "inner:80"),
                ("x-forwarded-host", "example.com"),
                OWN,
            ],
            Some(OtherOrigin),
        ),
        (
            "IPv6",
            "POST",
            &[
                ("host", "[2001:db8::1]:8443"),
                ("origin", "https://[2001:db8::1]:8443"),
            ],
            None,
        ),
        (
            "another IPv6",
            "POST",
            &[
                ("host", "[2001:db8::1]"),
                ("origin", "https://[2001:db8::2]"),
            ],
            Some(OtherOrigin),
        ),
        (
            "this machine",
            "POST",
            &[
                ("host", "localhost:3000"),
                ("origin", "http://localhost:3000"),
            ],
            None,
        ),
        (
            "another port of it",
            "POST",
            &[
                ("host", "localhost:3000"),
                ("origin", "http://localhost:5173"),
            ],
            Some(OtherOrigin),
        ),
    ];
    check(&trusting_app(), "/", cases).await;
}

#[tokio::test]
async fn the_request_target_takes_precedence_over_the_host_field() {
    let cases: &[Case] = &[
        ("no host field", "POST", &[OWN], None),
        (
            "another host field",
            "POST",
            &[("host", "evil.example"), OWN],
            None,
        ),
        (
            "the origin of the host field",
            "POST",
            &[("host", "evil.example"), EVIL],
            Some(OtherOrigin),
        ),
    ];
    check(&Csrf::same_origin(), "https://example.com/transfer", cases).await;
    check(
        &Csrf::same_origin(),
        "http://example.com:443/transfer",
        cases,
    )
    .await;
    let with_user = "https://example.com@evil.example/";
    let cases: &[Case] = &[
        ("a user", "POST", &[OWN], Some(OtherOrigin)),
        ("a user, the host", "POST", &[EVIL], Some(OtherOrigin)),
    ];
    check(&Csrf::same_origin(), with_user, cases).await;
}

#[tokio::test]
async fn a_websocket_handshake_is_not_a_safe_get() {
    const UPGRADE: (&str, &str) = ("upgrade", "websocket");
    let cases: &[Case] = &[
        ("own", "GET", &[HOST, UPGRADE, OWN], None),
        ("same origin", "GET", &[HOST, UPGRADE, SAME_ORIGIN], None),
        (
            "trusted",
            "GET",
            &[HOST, UPGRADE, TRUSTED, CROSS_SITE],
            None,
        ),
        ("no browser", "GET", &[HOST, UPGRADE], None),
        (
            "another origin",
            "GET",
            &[HOST, UPGRADE, EVIL],
            Some(OtherOrigin),
        ),
        (
            "null",
            "GET",
            &[HOST, UPGRADE, ("origin", "null")],
            Some(NullOrigin),
        ),
        (
            "cross site",
            "GET",
            &[HOST, UPGRADE, CROSS_SITE, EVIL],
            Some(CrossSite),
        ),
        (
            "upper case",
            "GET",
            &[HOST, ("upgrade", "WebSocket"), EVIL],
            Some(OtherOrigin),
        ),
        (
            "in a list",
            "GET",
            &[HOST, ("upgrade", "h2c, websocket/13"), EVIL],
            Some(OtherOrigin),
        ),
        (
            "in a second line",
            "GET",
            &[HOST, ("upgrade", "h2c"), UPGRADE, EVIL],
            Some(OtherOrigin),
        ),
        ("HEAD", "HEAD", &[HOST, UPGRADE, EVIL], Some(OtherOrigin)),
        (
            "OPTIONS",
            "OPTIONS",
            &[HOST, UPGRADE, EVIL],
            Some(OtherOrigin),
        ),
        (
            "another protocol",
            "GET",
            &[HOST, ("upgrade", "h2c"), EVIL],
            None,
        ),
        (
            "no handshake",
            "GET",
            &[HOST, ("upgrade-insecure-requests", "1"), EVIL],
            None,
        ),
        (
            "too short",
            "GET",
            &[HOST, ("upgrade", "websocke"), EVIL],
            None,
        ),
        ("empty", "GET", &[HOST, ("upgrade", ""), EVIL], None),
    ];
    check(&trusting_app(), "/", cases).await;
}

#[tokio::test]
async fn a_websocket_handshake_over_http_2_is_a_connect() {
    // RFC 8441, section 5; hyper keeps `:protocol` in the extensions.
    let connect = |origin: &str| {
        let mut request = Request::builder()
            .method("CONNECT")
            .version(Version::HTTP_2);
        request = request
            .uri("https://example.com/chat")
            .header("origin", origin);
        request.body(common::empty()).unwrap()
    };
    let csrf = Csrf::same_origin;
    assert_eq!(send(csrf(), connect("https://example.com")).await, None);
    let evil = send(csrf(), connect("https://evil.example")).await;
    assert_eq!(evil, Some(OtherOrigin));
}

#[tokio::test]
async fn an_origin_that_matches_a_pattern_for_a_part_of_a_label_is_trusted() {
    let csrf = Csrf::same_origin()
        .trust_origins(["https://app-*.example.app"])
        .unwrap();
    let cases: &[Case] = &[
        (
            "a preview",
            "POST",
            &[HOST, CROSS_SITE, ("origin", "https://app-17.example.app")],
            None,
        ),
        (
            "a preview, an old browser",
            "POST",
            &[HOST, ("origin", "https://APP-17.example.app")],
            None,
        ),
        (
            "a subdomain of one",
            "POST",
            &[HOST, ("origin", "https://evil.app-17.example.app")],
            Some(OtherOrigin),
        ),
        (
            "a subdomain that begins alike",
            "POST",
            &[HOST, ("origin", "https://app-17.evil.example.app")],
            Some(OtherOrigin),
        ),
        (
            "plain http",
            "POST",
            &[HOST, ("origin", "http://app-17.example.app")],
            Some(OtherOrigin),
        ),
        (
            "another port",
            "POST",
            &[
                HOST,
                CROSS_SITE,
                ("origin", "https://app-17.example.app:8443"),
            ],
            Some(CrossSite),
        ),
        ("own", "POST", &[HOST, OWN], None),
        ("another", "POST", &[HOST, TRUSTED], Some(OtherOrigin)),
    ];
    check(&csrf, "/", cases).await;
}

#[tokio::test]
async fn own_origins_replace_the_host() {
    let own = ["https://example.com", "https://example.org:8443"];
    let csrf = trusting_app().own_origins(own).unwrap();
    let cases: &[Case] = &[
        (
            "behind a proxy",
            "POST",
            &[("host", "10.0.0.7:8080"), OWN],
            None,
        ),
        (
            "the other one",
            "POST",
            &[("origin", "https://example.org:8443")],
            None,
        ),
        ("trusted", "POST", &[HOST, TRUSTED], None),
        (
            "the right host by http",
            "POST",
            &[HOST, ("origin", "http://example.com")],
            Some(OtherOrigin),
        ),
        (
            "the host of the request",
            "POST",
            &[("host", "evil.example"), EVIL],
            Some(OtherOrigin),
        ),
        (
            "null",
            "POST",
            &[HOST, ("origin", "null")],
            Some(NullOrigin),
        ),
        (
            "cross site",
            "POST",
            &[HOST, CROSS_SITE, OWN],
            Some(CrossSite),
        ),
        ("same origin", "POST", &[HOST, SAME_ORIGIN, EVIL], None),
        ("neither", "POST", &[HOST], None),
    ];
    check(&csrf, "/", cases).await;
}

#[tokio::test]
async fn an_exempt_path_is_exempt_byte_for_byte() {
    let csrf = || {
        Csrf::same_origin()
            .exempt(["/hooks/pay", "/a%20b"])
            .unwrap()
    };
    let cases = [
        ("/hooks/pay", true),
        ("/hooks/pay?x=1", true),
        ("https://example.com/hooks/pay", true),
        ("/a%20b", true),
        ("/", false),
        ("/hooks", false),
        ("/hooks/", false),
        ("/hooks/pay/", false),
        ("/hooks/pay/x", false),
        ("/hooks//pay", false),
        ("//hooks/pay", false),
        ("/hooks/./pay", false),
        ("/x/../hooks/pay", false),
        ("/hooks/pay/../../transfer", false),
        ("/hooks/%70ay", false),
        ("/hooks/pay%2f", false),
        ("/hooks/pay;x", false),
        ("/Hooks/pay", false),
        ("/x?/hooks/pay", false),
        ("/a%20B", false),
    ];
    for (path, exempt) in cases {
        let forged = [
            request("POST", path, &[HOST, CROSS_SITE, EVIL]),
            request("POST", path, &[HOST, EVIL]),
            request("POST", path, &[CROSS_SITE, CROSS_SITE]),
            request("GET", path, &[HOST, EVIL, ("upgrade", "websocket")]),
        ];
        for request in forged {
            assert_eq!(send(csrf(), request).await.is_none(), exempt, "{path}");
        }
    }
}
