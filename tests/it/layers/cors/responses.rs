//! Responses through `with_cors`: the Fetch standard, sections 3.3.3 to 3.3.5.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use wythe::{Cors, Problem, RequestHead, cors::Origin, with_cors};

use crate::common::{
    Body,
    cors::{APP, PREFLIGHT_VARY, joined, one_origin, preflight, request, two_origins},
    empty, send, send_to,
};

#[tokio::test]
async fn an_options_request_that_is_not_a_preflight_goes_to_the_handler() {
    let cases: [(&str, &[(&str, &str)]); 4] = [
        ("neither field", &[]),
        ("only an origin", &[("origin", APP)]),
        ("no origin", &[("access-control-request-method", "POST")]),
        (
            "only headers",
            &[
                ("origin", APP),
                ("access-control-request-headers", "x-tenant"),
            ],
        ),
    ];
    for (name, fields) in cases {
        let response = send(&one_origin(), request("OPTIONS", fields)).await;
        assert_eq!(
            (response.status(), &response.body()[..]),
            (StatusCode::OK, &b"ok"[..]),
            "{name}"
        );
    }
    // Nor is another method with the fields of a preflight request.
    let fields = [("origin", APP), ("access-control-request-method", "POST")];
    assert_eq!(
        send(&one_origin(), request("GET", &fields)).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_single_origin_is_on_every_response_without_vary() {
    for origin in [Some(APP), Some("https://evil.example"), Some("null"), None] {
        let fields: Vec<_> = origin
            .map(|origin| ("origin", origin))
            .into_iter()
            .collect();
        let response = send(&one_origin(), request("GET", &fields)).await;
        assert_eq!(
            response.headers()["access-control-allow-origin"],
            APP,
            "{origin:?}"
        );
        assert_eq!(
            response.headers()["access-control-allow-credentials"],
            "true",
            "{origin:?}"
        );
        assert!(!response.headers().contains_key("vary"), "{origin:?}");
    }
}

#[tokio::test]
async fn any_origin_is_a_wildcard_on_every_response_without_vary() {
    let layer = with_cors(Cors::any().exposed_headers(["etag"]).unwrap());
    for origin in [Some("https://evil.example"), Some("null"), None] {
        let fields: Vec<_> = origin
            .map(|origin| ("origin", origin))
            .into_iter()
            .collect();
        let response = send(&layer, request("GET", &fields)).await;
        assert_eq!(
            response.headers()["access-control-allow-origin"],
            "*",
            "{origin:?}"
        );
        assert_eq!(
            response.headers()["access-control-expose-headers"],
            "etag",
            "{origin:?}"
        );
        assert_eq!(response.headers().len(), 2, "{origin:?}");
    }
    let response = send(&layer, preflight("null", "POST", Some("content-type"))).await;
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["vary"], PREFLIGHT_VARY);
}

#[tokio::test]
async fn one_of_several_origins_is_echoed_and_every_response_varies() {
    let cases = [
        ("the first", Some(APP), true),
        ("the second", Some("https://admin.example.com"), true),
        ("another", Some("https://evil.example"), false),
        ("null", Some("null"), false),
        ("not ASCII", Some("https://\u{e4}pp.example.com"), false),
        ("none", None, false),
    ];
    let statuses = [
        StatusCode::OK,
        StatusCode::NOT_MODIFIED,
        StatusCode::UNAUTHORIZED,
        StatusCode::NOT_FOUND,
        StatusCode::INTERNAL_SERVER_ERROR,
    ];
    for (name, origin, allowed) in cases {
        for status in statuses {
            let fields: Vec<_> = origin
                .map(|origin| ("origin", origin))
                .into_iter()
                .collect();
            let layer = two_origins();
            let response = send_to(&layer, request("GET", &fields), move |_| async move {
                Ok(Response::<Bytes>::from(Problem::new(status)).map(Body::from))
            });
            let response = response.await;
            let headers = response.headers();
            assert_eq!(response.status(), status);
            assert_eq!(
                joined(headers, "vary").as_deref(),
                Some("Origin"),
                "{name} {status}"
            );
            let expected = allowed.then_some(origin).flatten();
            assert_eq!(
                joined(headers, "access-control-allow-origin").as_deref(),
                expected,
                "{name}"
            );
            let credentials = joined(headers, "access-control-allow-credentials");
            assert_eq!(credentials.as_deref(), allowed.then_some("true"), "{name}");
            let exposed = joined(headers, "access-control-expose-headers");
            assert_eq!(
                exposed.as_deref(),
                allowed.then_some("etag, x-total"),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn origins_are_compared_case_insensitively() {
    for origin in ["HTTPS://App.Example.COM", "https://A.preview.Example.com"] {
        let origins = [APP, "https://*.preview.example.com"];
        let layer = with_cors(Cors::origins(origins).unwrap());
        let response = send(&layer, request("GET", &[("origin", origin)])).await;
        assert!(
            response
                .headers()
                .contains_key("access-control-allow-origin"),
            "{origin}"
        );
    }
}

#[tokio::test]
async fn patterns_allow_subdomains_and_ports() {
    let patterns = [
        "https://*.example.com",
        "http://localhost:*",
        "https://*.dev.example.net:*",
        "https://app-*.example.app",
    ];
    let layer = with_cors(Cors::origins(patterns).unwrap().credentials());
    let cases = [
        ("https://a.example.com", true),
        ("https://a.b.example.com", true),
        ("https://example.com", false),
        ("https://evilexample.com", false),
        ("https://a.example.com:8443", false),
        ("http://a.example.com", false),
        ("http://localhost", true),
        ("http://localhost:5173", true),
        ("http://localhost:99999", false),
        ("http://localhost.evil.example", false),
        ("https://x.dev.example.net:1", true),
        ("https://app-17.example.app", true),
        ("https://app-a-b.example.app", true),
        ("https://app-.example.app", false),
        ("https://app-1.evil.example.app", false),
        ("https://evil.example/app-1.example.app", false),
        ("https://app-1.example.app.", false),
        ("null", false),
    ];
    for (origin, allowed) in cases {
        let response = send(&layer, request("GET", &[("origin", origin)])).await;
        let value = joined(response.headers(), "access-control-allow-origin");
        assert_eq!(value.as_deref(), allowed.then_some(origin), "{origin}");
        assert_eq!(response.headers()["vary"], "Origin", "{origin}");
    }
}

#[tokio::test]
async fn a_closure_decides_by_origin_and_request_in_addition_to_the_list() {
    let allows = |origin: &Origin<'_>, head: &RequestHead<'_>| {
        origin.host() == "tenant.example.com" && head.path() == "/users"
    };
    let listed = with_cors(Cors::origins([APP]).unwrap().allow_origins_where(allows));
    let cases = [
        ("https://tenant.example.com", true),
        (APP, true),
        ("https://other.example.com", false),
        ("http://tenant.example.com", false),
    ];
    for (origin, allowed) in cases {
        let response = send(&listed, request("GET", &[("origin", origin)])).await;
        let value = joined(response.headers(), "access-control-allow-origin");
        assert_eq!(value.as_deref(), allowed.then_some(origin), "{origin}");
        assert_eq!(response.headers()["vary"], "Origin");
    }
    let response = send(
        &listed,
        preflight("https://tenant.example.com", "PUT", None),
    )
    .await;
    assert!(
        response
            .headers()
            .contains_key("access-control-allow-origin")
    );
}

#[tokio::test]
async fn an_origin_whose_host_ends_in_a_dot_is_another_one() {
    const DOT: &str = "https://app.example.com.";
    let exact = with_cors(Cors::origins([DOT, "https://*.example.net"]).unwrap());
    let closure = with_cors(Cors::origins_where(|origin, _| {
        origin.host() == "app.example.com."
    }));
    for (origin, allowed) in [
        (DOT, true),
        (APP, false),
        ("https://a.example.net.", false),
        ("https://app.example.com..", false),
    ] {
        for layer in [&exact, &closure] {
            let response = send(layer, request("GET", &[("origin", origin)])).await;
            let value = joined(response.headers(), "access-control-allow-origin");
            assert_eq!(value.as_deref(), allowed.then_some(origin), "{origin}");
        }
    }
}

#[tokio::test]
async fn what_a_closure_reads_is_in_vary() {
    let cors = Cors::origins_where(|_, head| head.headers().contains_key("x-forwarded-host"));
    let cors = cors.vary(["X-Forwarded-Host", "x-tenant"]).unwrap();
    let layer = with_cors(cors.clone());
    for fields in [
        &[][..],
        &[("origin", APP)][..],
        &[("origin", APP), ("x-forwarded-host", "a.example")][..],
    ] {
        let response = send(&layer, request("GET", fields)).await;
        let vary = joined(response.headers(), "vary").unwrap();
        assert_eq!(vary, "Origin, x-forwarded-host, x-tenant");
    }
    let response = send(&layer, preflight(APP, "PUT", None)).await;
    let vary = joined(response.headers(), "vary").unwrap();
    let expected = format!("{PREFLIGHT_VARY}, x-forwarded-host, x-tenant");
    assert_eq!(vary, expected);

    // The fields of the handler stay.
    let handler = async |_: Request<Body>| {
        let response = Response::builder().header("vary", "accept, X-Tenant");
        Ok::<_, Infallible>(response.body(empty()).unwrap())
    };
    let response = send_to(&layer, request("GET", &[]), handler).await;
    let vary = joined(response.headers(), "vary").unwrap();
    assert_eq!(vary, "accept, X-Tenant, Origin, x-forwarded-host");

    // The same for every request.
    let one = Cors::origins([APP]).unwrap().vary(["x-tenant"]).unwrap();
    let response = send(&with_cors(one), request("GET", &[])).await;
    assert!(!response.headers().contains_key("vary"));
}

#[tokio::test]
async fn a_closure_that_asks_for_a_route_that_is_not_known_allows_nothing() {
    let by_route = || Cors::origins_where(|_, head| head.route().is_empty());
    let cases = [
        (by_route(), None),
        (by_route().allow_origins_where(|_, _| true), Some(APP)),
        (by_route().allow_origins_where(|_, _| false), None),
    ];
    for (cors, allowed) in cases {
        let response = send(&with_cors(cors), request("GET", &[("origin", APP)])).await;
        let value = joined(response.headers(), "access-control-allow-origin");
        assert_eq!(value.as_deref(), allowed);
    }
}

#[tokio::test]
async fn a_closure_is_not_called_for_null_or_plain_http() {
    let asked_about = |origin: &'static str| async move {
        let layer = with_cors(Cors::origins_where(|_, _| true).credentials());
        let response = send(&layer, request("GET", &[("origin", origin)])).await;
        response
            .headers()
            .contains_key("access-control-allow-origin")
    };
    for origin in [
        "https://x.example",
        "http://localhost:1",
        "http://[::1]:1",
        "tauri://localhost",
    ] {
        assert!(asked_about(origin).await, "{origin}");
    }
    for origin in [
        "null",
        "http://x.example",
        "http://10.0.0.1",
        "*",
        "",
        "https://x.example/",
    ] {
        assert!(!asked_about(origin).await, "{origin}");
    }
}

#[tokio::test]
async fn anonymous_policies_accept_plain_http_and_null_without_credentials() {
    let cors = Cors::anonymous(["http://intranet.example", "http://*.intranet.example"]).unwrap();
    let layer = with_cors(cors.dangerously_allow_null_origin().unwrap());
    for origin in [
        "http://intranet.example",
        "http://a.intranet.example",
        "null",
    ] {
        let response = send(&layer, request("GET", &[("origin", origin)])).await;
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-credentials")
        );
    }
}

#[tokio::test]
async fn dangerously_allow_http_origins_allows_plain_http() {
    let cors = Cors::origins([APP]).unwrap().credentials();
    let cors = cors
        .dangerously_allow_http_origins(["http://old.example.com"])
        .unwrap();
    let layer = with_cors(cors);
    let response = send(
        &layer,
        request("GET", &[("origin", "http://old.example.com")]),
    )
    .await;
    assert_eq!(
        response.headers()["access-control-allow-origin"],
        "http://old.example.com"
    );
    assert_eq!(
        response.headers()["access-control-allow-credentials"],
        "true"
    );
}

#[tokio::test]
async fn a_closure_is_not_called_for_insecure_origins_that_are_not_listed() {
    let cors = Cors::origins_where(|_, _| true);
    let cors = cors
        .dangerously_allow_http_origins(["http://old.example.com"])
        .unwrap();
    let layer = with_cors(cors);
    for (origin, allowed) in [
        ("http://old.example.com", true),
        ("http://x.example.com", false),
    ] {
        let response = send(&layer, request("GET", &[("origin", origin)])).await;
        let sent = response
            .headers()
            .contains_key("access-control-allow-origin");
        assert_eq!(sent, allowed, "{origin}");
    }
}

#[tokio::test]
async fn headers_exposed_by_inner_layers_are_visible_to_allowed_origins_only() {
    let limited = async |_: Request<Body>| {
        let response = Response::builder().header("access-control-expose-headers", "ratelimit");
        Ok::<_, Infallible>(response.body(empty()).unwrap())
    };
    let cases = [
        (
            "dynamic, allowed",
            two_origins(),
            Some(APP),
            Some("ratelimit, etag, x-total"),
        ),
        (
            "dynamic, another",
            two_origins(),
            Some("https://evil.example"),
            None,
        ),
        ("dynamic, none", two_origins(), None, None),
        ("one, allowed", one_origin(), Some(APP), Some("ratelimit")),
        (
            "one, another",
            one_origin(),
            Some("https://evil.example"),
            None,
        ),
        ("one, none", one_origin(), None, None),
        (
            "any",
            with_cors(Cors::any()),
            Some("null"),
            Some("ratelimit"),
        ),
        ("any, none", with_cors(Cors::any()), None, None),
    ];
    for (name, layer, origin, expected) in cases {
        let fields: Vec<_> = origin
            .map(|origin| ("origin", origin))
            .into_iter()
            .collect();
        let response = send_to(&layer, request("GET", &fields), limited).await;
        let exposed = joined(response.headers(), "access-control-expose-headers");
        assert_eq!(exposed.as_deref(), expected, "{name}");
    }
}

#[tokio::test]
async fn the_policy_overrides_cors_headers_of_the_handler() {
    let handler = async |_: Request<Body>| {
        let response = Response::builder()
            .header("access-control-allow-origin", "https://evil.example")
            .header("access-control-allow-origin", "*")
            .header("access-control-allow-credentials", "true");
        Ok::<_, Infallible>(response.body(empty()).unwrap())
    };
    let no_credentials = with_cors(Cors::origins([APP, "https://b.example"]).unwrap());
    let cases = [
        ("allowed", no_credentials.clone(), Some(APP), Some(APP)),
        (
            "another",
            no_credentials.clone(),
            Some("https://evil.example"),
            None,
        ),
        ("none", no_credentials, None, None),
        ("any", with_cors(Cors::any()), Some(APP), Some("*")),
    ];
    for (name, layer, origin, expected) in cases {
        let fields: Vec<_> = origin
            .map(|origin| ("origin", origin))
            .into_iter()
            .collect();
        let response = send_to(&layer, request("GET", &fields), handler).await;
        let origin = joined(response.headers(), "access-control-allow-origin");
        assert_eq!(origin.as_deref(), expected, "{name}");
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-credentials"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn vary_is_merged_with_the_handlers() {
    let cases: [(&[&'static str], &[&str]); 5] = [
        (&["Accept-Encoding"], &["Accept-Encoding", "Origin"]),
        (&["accept, origin"], &["accept, origin"]),
        (&["Accept", "ORIGIN"], &["Accept", "ORIGIN"]),
        (&["*"], &["*"]),
        (&["Accept", "*"], &["Accept", "*"]),
    ];
    for (before, after) in cases {
        for origin in [APP, "https://evil.example"] {
            let handler = move |_: Request<Body>| async move {
                let mut response = Response::new(empty());
                for line in before {
                    let value = HeaderValue::from_static(line);
                    response.headers_mut().append(header::VARY, value);
                }
                Ok::<_, Infallible>(response)
            };
            let layer = two_origins();
            let response = send_to(&layer, request("GET", &[("origin", origin)]), handler);
            let response = response.await;
            let lines: Vec<_> = response.headers().get_all(header::VARY).iter().collect();
            assert_eq!(lines, after);
        }
    }
}

#[test]
fn debug_shows_what_it_allows() {
    let printed = format!("{:?}", two_origins());
    assert!(
        printed.contains(APP) && printed.contains("credentials: true"),
        "{printed}"
    );
}

#[test]
fn goes_outside_layers_that_reject_and_describes_itself() {
    let stack = wythe::compose((one_origin(),));
    let printed = stack.to_string();
    assert!(
        printed.contains("with_cors  Cors   204 to a preflight"),
        "{printed}"
    );
}
