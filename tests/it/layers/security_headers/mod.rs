//! Fields that tell browsers what a response may do.

mod policies;
mod values;

use std::{net::SocketAddr, time::Duration};

use axum::{Router, body::Body, response::Response, routing::get};
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use tower::ServiceExt;
use wythe::{
    Conditional, CspNonce, ETag, PeerAddr, SecurityHeaders, Transport, compose,
    security_headers::{Hsts, Source},
    with_conditional, with_presentation, with_security_headers,
};

use crate::common::{log::Log, read};

/// The header of a response without those of its content.
fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
    let content = [header::CONTENT_LENGTH, header::CONTENT_TYPE];
    let fields = headers.iter().filter(|(name, _)| !content.contains(name));
    let mut fields: Vec<_> = fields
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    fields.sort();
    fields
}

async fn ask(app: &Router, request: Request<Body>) -> Response {
    app.clone().oneshot(request).await.unwrap()
}

fn to(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn presets_have_these_fields() {
    let api = [
        (
            "content-security-policy",
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ];
    let html = [
        (
            "content-security-policy",
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
             object-src 'none'; img-src 'self' data:",
        ),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ];
    let cases = [
        (SecurityHeaders::api(), &api[..]),
        (SecurityHeaders::html(), &html[..]),
    ];
    for (headers, expected) in cases {
        let stack = compose((with_security_headers(headers), with_presentation()));
        let described = stack.describe();
        let app: Router = Router::new()
            .route("/", get(async || "hello"))
            .route("/panic", get(async || -> () { panic!("in the handler") }))
            .layer(stack);
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        // A success, a 404 of the router, and a panic.
        for path in ["/", "/nothing", "/panic"] {
            let response = ask(&app, to(path)).await;
            assert_eq!(fields(response.headers()), expected, "{path}");
        }
        let (_, layer) = &described[0];
        let mut named: Vec<_> = layer.fields().iter().map(HeaderName::as_str).collect();
        named.sort_unstable();
        let names: Vec<_> = expected.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(named, names);
    }
}

#[tokio::test]
async fn what_the_handler_has_set_stays() {
    let headers = SecurityHeaders::html();
    let policy = SecurityHeaders::html_policy().script_nonce();
    let with_nonce = headers.clone().content_security_policy(&policy).unwrap();
    let routes = || {
        let own = [
            (header::CONTENT_SECURITY_POLICY, "default-src https:"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        Router::new().route("/", get(async move || (own.clone(), "hello")))
    };
    let apps: [Router; 2] = [
        routes().layer(compose(with_security_headers(headers))),
        routes().layer(compose(with_security_headers(with_nonce))),
    ];
    for app in apps {
        let response = ask(&app, to("/")).await;
        let headers = response.headers();
        assert_eq!(headers["content-security-policy"], "default-src https:");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let policies = headers.get_all("content-security-policy").iter();
        assert_eq!(policies.count(), 1);
    }
}

#[tokio::test]
async fn each_request_has_a_nonce_that_the_handler_prints() {
    let policy = SecurityHeaders::html_policy()
        .script_src([Source::this_origin()])
        .script_nonce()
        .style_nonce();
    let report = policy.clone().report_to("csp", "/csp").unwrap();
    let headers = SecurityHeaders::html()
        .content_security_policy(&policy)
        .unwrap()
        .report_only(&report)
        .unwrap();
    let stack = compose(with_security_headers(headers));
    let page = async |nonce: CspNonce| format!("{nonce}{}", nonce.as_str());
    let app = Router::new().route("/", get(stack.handler(page)));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let response = read(ask(&app, to("/")).await).await;
        let text = std::str::from_utf8(response.body()).unwrap();
        let (nonce, again) = text.split_at(22);
        assert_eq!(nonce, again);
        let in_nonce = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(nonce.bytes().all(in_nonce), "{nonce}");
        let start = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                     object-src 'none'; img-src 'self' data:";
        let end = format!("; script-src 'self' 'nonce-{nonce}'; style-src 'nonce-{nonce}'");
        let headers = response.headers();
        assert_eq!(headers["content-security-policy"], format!("{start}{end}"));
        assert_eq!(
            headers["content-security-policy-report-only"],
            format!("{start}{end}; report-uri /csp; report-to csp")
        );
        assert_eq!(headers["reporting-endpoints"], "csp=\"/csp\"");
        assert!(seen.insert(nonce.to_owned()));
    }
}

#[tokio::test]
async fn two_layers_with_conditions_share_the_routes() {
    let stack = compose((
        with_security_headers(SecurityHeaders::api()),
        with_security_headers(SecurityHeaders::html()).when(|head| head.path() == "/page"),
    ));
    let app: Router = Router::new()
        .route("/page", get(async || "page"))
        .route("/api", get(async || "api"))
        .layer(stack);
    let page = ask(&app, to("/page")).await;
    assert!(page.headers().contains_key("permissions-policy"));
    assert_eq!(
        page.headers()["referrer-policy"],
        "strict-origin-when-cross-origin"
    );
    let api = ask(&app, to("/api")).await;
    assert!(!api.headers().contains_key("permissions-policy"));
    assert_eq!(api.headers()["referrer-policy"], "no-referrer");
}

#[tokio::test]
async fn a_304_replaces_no_policy_of_a_stored_page() {
    let policy = SecurityHeaders::html_policy().script_nonce();
    let headers = SecurityHeaders::html()
        .content_security_policy(&policy)
        .unwrap()
        .report_only(
            &SecurityHeaders::html_policy()
                .report_to("csp", "/csp")
                .unwrap(),
        )
        .unwrap();
    let own = async || {
        let policy = (
            header::CONTENT_SECURITY_POLICY,
            "script-src https://cdn.example",
        );
        (ETag::version(7), [policy], "page")
    };
    let app: Router = Router::new()
        .route("/own", get(own))
        .route("/", get(async || (ETag::version(7), "page")))
        .layer(compose(with_conditional(Conditional::new())))
        .layer(compose(with_security_headers(headers)));
    for (path, policy) in [
        ("/own", Some("script-src https://cdn.example")),
        ("/", None),
    ] {
        let mut request = to(path);
        let tag = HeaderValue::from_static("\"7\"");
        request.headers_mut().insert(header::IF_NONE_MATCH, tag);
        let response = ask(&app, request).await;
        assert_eq!(response.status(), 304, "{path}");
        let found = response.headers().get("content-security-policy");
        assert_eq!(found.map(|value| value.to_str().unwrap()), policy, "{path}");
        let headers = response.headers();
        assert!(headers.contains_key("content-security-policy-report-only"));
        assert_eq!(headers["x-frame-options"], "DENY");
    }
}

#[tokio::test]
async fn the_log_says_once_that_the_transport_is_unknown() {
    let (log, _guard) = Log::listen();
    let transport = Transport::x_forwarded_proto(["10.0.0.0/8"]).unwrap();
    let hsts = Hsts::max_age(Duration::from_secs(300)).unwrap();
    let stack = compose(with_security_headers(
        SecurityHeaders::api().hsts(hsts, transport),
    ));
    let app: Router = Router::new().route("/", get(async || "hello")).layer(stack);
    assert_eq!(ask(&app, to("/")).await.status(), 200);
    let events = log.take();
    assert!(
        events.contains("never sends `Strict-Transport-Security`"),
        "{events}"
    );
    assert!(events.contains("no peer address"), "{events}");
    assert_eq!(ask(&app, to("/")).await.status(), 200);
    assert_eq!(log.take(), "");
}

#[tokio::test]
async fn hsts_is_sent_over_tls_only() {
    let hsts = Hsts::max_age(Duration::from_secs(300)).unwrap();
    let trusted = || ["10.0.0.0/8"];
    let proxy: SocketAddr = "10.0.0.5:1".parse().unwrap();
    let mapped: SocketAddr = "[::ffff:10.0.0.5]:1".parse().unwrap();
    let other: SocketAddr = "203.0.113.9:1".parse().unwrap();
    let by_list = || Transport::x_forwarded_proto(trusted()).unwrap();
    // How it is known, the peer, `X-Forwarded-Proto`, whether it is sent.
    let cases = [
        (Transport::tls(), None, None, true),
        (by_list(), Some(proxy), Some("https"), true),
        (by_list(), Some(mapped), Some("https"), true),
        (by_list(), Some(proxy), Some("http"), false),
        (by_list(), Some(proxy), None, false),
        (by_list(), Some(other), Some("https"), false),
        (by_list(), None, Some("https"), false),
        (
            Transport::x_forwarded_proto_of_any_peer(),
            None,
            Some("https"),
            true,
        ),
        (
            Transport::x_forwarded_proto_of_any_peer(),
            None,
            None,
            false,
        ),
    ];
    for (transport, peer, proto, sent) in cases {
        let case = format!("{transport:?} {peer:?} {proto:?}");
        let headers = SecurityHeaders::api().hsts(hsts, transport);
        let app: Router = Router::new()
            .route("/", get(async || "hello"))
            .layer(compose(with_security_headers(headers)));
        let mut request = to("/");
        if let Some(peer) = peer {
            request.extensions_mut().insert(PeerAddr(peer));
        }
        if let Some(proto) = proto {
            let proto = proto.parse().unwrap();
            request.headers_mut().insert("x-forwarded-proto", proto);
        }
        let response = ask(&app, request).await;
        let value = response.headers().get("strict-transport-security");
        let value = value.map(|value| value.to_str().unwrap());
        assert_eq!(value, sent.then_some("max-age=300"), "{case}");
    }
}
