//! Policies of `with_cors` that are rejected when they are built.

use std::{error::Error, time::Duration};

use http::{HeaderName, Method};
use wythe::{ConfigError, Cors};

#[track_caller]
fn assert_refused<T>(built: Result<T, ConfigError>, name: &str, says: &str) {
    let Err(error) = built else {
        panic!("{name}: was built");
    };
    assert_eq!(error.policy(), "Cors", "{name}");
    assert!(error.to_string().contains(says), "{name}: {error}");
}

#[test]
fn rejects_origins_that_no_browser_sends() {
    let cases = [
        ("a star", "*", "Cors::any()"),
        ("null", "null", "dangerously_allow_null_origin"),
        ("nothing", "", "scheme://host"),
        ("no scheme", "app.example.com", "scheme://host"),
        ("a slash", "https://app.example.com/", "path"),
        ("a path", "https://app.example.com/login", "path"),
        ("a query", "https://app.example.com?x", "path"),
        ("a user", "https://me@app.example.com", "user name"),
        (
            "the default port of https",
            "https://app.example.com:443",
            "default port",
        ),
        (
            "the default port of http",
            "http://localhost:80",
            "default port",
        ),
        ("port zero", "https://app.example.com:0", "port"),
        ("a port too large", "https://app.example.com:65536", "port"),
        (
            "no port after the colon",
            "https://app.example.com:",
            "port",
        ),
        ("two dots at the end", "https://app.example.com..", "host"),
        ("a dot after an address", "https://127.0.0.1.", "host"),
        (
            "a host that is not ASCII",
            "https://b\u{fc}cher.example",
            "xn--",
        ),
        ("two origins", "https://a.example,https://b.example", "path"),
        ("spaces", " https://a.example", "scheme"),
        ("a line break", "https://a.example\r\nx: y", "host"),
        (
            "a long form of IPv6",
            "http://[0:0:0:0:0:0:0:1]:3000",
            "[::1]",
        ),
        ("IPv6 without brackets", "http://::1", "brackets"),
        ("half an IPv4 address", "http://127.1:3000", "host"),
    ];
    for (name, origin, says) in cases {
        assert_refused(Cors::origins([origin]), name, says);
        assert_refused(Cors::anonymous([origin]), name, says);
        // One bad origin among good ones as well.
        assert_refused(Cors::origins(["https://a.example", origin]), name, says);
    }
}

#[test]
fn rejects_an_empty_list_of_origins() {
    assert_refused(Cors::origins([""; 0]), "origins", "list an origin");
    assert_refused(Cors::anonymous([""; 0]), "anonymous", "list an origin");
}

#[test]
fn rejects_plain_http_where_credentials_are_possible() {
    let insecure = [
        "http://app.example.com",
        "http://app.example.com:8080",
        "http://10.0.0.1",
        "http://[2001:db8::1]:3000",
        "http://localhost.example.com",
        "http://*.example.com",
        "http://app.example.com:*",
    ];
    for origin in insecure {
        assert_refused(Cors::origins([origin]), origin, "network");
        let says = "`.dangerously_allow_http_origins([..])`";
        assert_refused(Cors::origins([origin]), origin, says);
        assert!(Cors::anonymous([origin]).is_ok(), "{origin}");
        let cors = Cors::origins(["https://a.example"]).unwrap();
        let allowed = cors.dangerously_allow_http_origins([origin]);
        if origin.contains('*') {
            assert_refused(allowed, origin, "list each plain `http` origin");
        } else {
            assert!(allowed.is_ok(), "{origin}");
        }
    }
    let loopback = [
        "http://localhost",
        "http://localhost:5173",
        "http://localhost:*",
        "http://*.localhost:*",
        "http://127.0.0.1:3000",
        "http://127.0.0.1:*",
        "http://[::1]:3000",
        "http://[::1]:*",
    ];
    for origin in loopback {
        assert!(Cors::origins([origin]).is_ok(), "{origin}");
    }
}

#[test]
fn allowing_insecure_origins_does_not_relax_the_rest_of_the_policy() {
    let cors = Cors::origins(["https://a.example"]).unwrap();
    let cors = cors
        .dangerously_allow_http_origins(["http://old.example"])
        .unwrap();
    for origin in ["null", "*", "https://a.example/", "http://*.com", ""] {
        assert!(
            cors.clone()
                .dangerously_allow_http_origins([origin])
                .is_err(),
            "{origin}"
        );
    }
}

#[test]
fn rejects_patterns_that_span_a_public_suffix() {
    let shared = [
        "https://*.com",
        "https://*.dev",
        "https://*.uk",
        "https://*.co.uk",
        "https://*.COM.AU",
        "https://*.or.jp",
        "https://*.github.io",
        "https://*.vercel.app",
        "https://*.pages.dev:*",
        "https://*.com:8443",
        "https://*.s3.amazonaws.com",
        "https://*.eu-west-1.compute.amazonaws.com",
        "https://*.github.io.",
        "https://app-*.com",
        "https://app-*.vercel.app",
        "https://*-team.vercel.app",
        "https://*example.com",
    ];
    for pattern in shared {
        assert_refused(Cors::origins([pattern]), pattern, "anyone");
        assert_refused(Cors::anonymous([pattern]), pattern, "anyone");
    }
    for pattern in [
        "https://*.example.com",
        "https://*.example.co.uk",
        "https://*.me.github.io",
        "https://app-*.example.com",
        "https://app-*.me.github.io",
        "https://*-app.example.co.uk:*",
        "https://api.pr-*.example.com",
        "http://app-*.localhost:3000",
    ] {
        assert!(Cors::origins([pattern]).is_ok(), "{pattern}");
    }
}

#[test]
fn rejects_meaningless_patterns() {
    let patterns = [
        "https://*",
        "*://example.com",
        "https://app.*.com",
        "https://app.*.example.com",
        "https://app-*",
        "https://a*b*.example.com",
        "https://app-*.*.example.com",
        "https://*.app-*.example.com",
        "https://app-*.10.0.0.1",
        "http://[::*]",
        "tauri://app-*.example.com",
        "https://app-*.example.com/",
        "https://*.*.example.com",
        "https://example.com:8*",
        "https://example.com:80:*",
        "https://**.example.com",
        "tauri://*.example.com",
        "https://*.10.0.0.1",
        "http://*.[::1]",
        "https://*.",
        "https://*.:*",
        "https://example.*",
        "https://*.example.com/",
        "*.example.com",
        "**",
        ":*",
    ];
    for pattern in patterns {
        assert_refused(Cors::origins([pattern]), pattern, pattern);
    }
}

#[test]
fn rejects_a_max_age_of_more_than_a_day() {
    let build = |age| Cors::origins(["https://a.example"]).unwrap().max_age(age);
    drop(build(Duration::from_secs(86_400)).unwrap());
    drop(build(Duration::ZERO).unwrap());
    for age in [
        Duration::from_millis(86_400_001),
        Duration::from_secs(86_401),
        Duration::MAX,
    ] {
        assert_refused(build(age), "max age", "86,400");
    }
}

#[test]
fn rejects_methods_that_no_script_can_send() {
    let cases = [
        ("a star", "*", "any_method"),
        ("CONNECT", "CONNECT", "can't send"),
        ("TRACE", "trace", "can't send"),
        ("TRACK", "TRACK", "can't send"),
        ("lower case", "patch", "`PATCH`"),
        ("mixed case", "Delete", "`DELETE`"),
        ("no token", "GET POST", "not a method"),
        ("nothing", "", "not a method"),
    ];
    for (name, method, says) in cases {
        let cors = Cors::origins(["https://a.example"]).unwrap().credentials();
        assert_refused(cors.methods(["GET", method]), name, says);
        assert_refused(Cors::any().methods([method]), name, says);
    }
    assert_refused(
        Cors::any().methods([""; 0]),
        "an empty list",
        "list a method",
    );
    let at_run_time: Vec<String> = vec!["PUT".to_owned(), "QUERY".to_owned()];
    drop(Cors::any().methods(&at_run_time).unwrap());
    drop(Cors::any().methods(at_run_time).unwrap());
    let star = Method::from_bytes(b"*").unwrap();
    assert_refused(Cors::any().methods([star]), "a star by type", "any_method");
    drop(Cors::any().methods(["PROPFIND", "x-lower"]).unwrap());
}

#[test]
fn rejects_headers_that_no_script_can_set_or_read() {
    let forbidden = [
        "*",
        "Cookie",
        "host",
        "Origin",
        "Content-Length",
        "Sec-Fetch-Site",
        "proxy-authorization",
        "Accept-Encoding",
        "Access-Control-Request-Method",
        "connection",
        "a b",
        "",
        "\u{e9}",
    ];
    for name in forbidden {
        let cors = Cors::origins(["https://a.example"]).unwrap().credentials();
        assert_refused(cors.headers(["x-ok", name]), name, "");
    }
    for name in ["*", "Set-Cookie", "set-cookie2", "a b", ""] {
        let cors = Cors::origins(["https://a.example"]).unwrap().credentials();
        assert_refused(cors.exposed_headers(["x-ok", name]), name, "");
    }
    let star = HeaderName::from_static("*");
    let cors = Cors::origins(["https://a.example"]).unwrap().credentials();
    assert_refused(
        cors.clone().headers([star.clone()]),
        "a star by type",
        "mirrored_headers",
    );
    assert_refused(
        cors.clone().exposed_headers([star]),
        "a star by type",
        "any_exposed_header",
    );
    for name in ["security", "proxied", "te-x", "if-match"] {
        assert!(cors.clone().headers([name]).is_ok(), "{name}");
    }
}

#[test]
fn rejects_fields_to_vary_on_that_are_no_names() {
    let cors = || Cors::origins_where(|_, _| true);
    assert_refused(cors().vary(["x-ok", "a b"]), "a space", "not a header name");
    assert_refused(cors().vary(["*"]), "a star", "could be cached");
    drop(cors().vary(vec!["X-Tenant".to_owned()]).unwrap());
}

#[cfg(feature = "public-suffix")]
#[test]
fn rejects_patterns_that_span_any_suffix_of_the_whole_list() {
    for pattern in [
        "https://*.kawasaki.jp",
        "https://*.wpenginepowered.com",
        "https://app-*.wpenginepowered.com",
        "https://*.dualstack.s3.eu-central-1.amazonaws.com",
    ] {
        assert_refused(Cors::origins([pattern]), pattern, "anyone");
    }
    // Only guessed without the list.
    drop(Cors::origins(["https://*.web.de", "https://*.city.kawasaki.jp"]).unwrap());
}

#[test]
fn rejects_null_where_every_origin_is_already_allowed() {
    assert_refused(
        Cors::any().dangerously_allow_null_origin(),
        "any",
        "already",
    );
}

#[test]
fn an_error_keeps_its_source() {
    let error = Cors::any().headers(["a b"]).unwrap_err();
    assert!(error.source().is_some());
}
