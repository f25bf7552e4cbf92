//! Preflight requests at `with_cors`: the Fetch standard, sections 3.3.2 and 4.8.

use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, header};
use wythe::{Cors, with_cors};

use crate::common::{
    cors::{
        APP, PREFLIGHT_VARY, assert_refused, joined, one_origin, preflight, request, two_origins,
    },
    send, send_to,
};

#[tokio::test]
async fn a_preflight_from_an_allowed_origin_gets_what_the_policy_allows() {
    let cors = Cors::origins([APP, "https://b.example"]).unwrap();
    let cors = cors.credentials().methods(["PUT", "QUERY"]).unwrap();
    let cors = cors.headers(["x-tenant", "Content-Type"]).unwrap();
    let cors = cors.max_age(Duration::from_secs(600)).unwrap();
    let layer = with_cors(cors.exposed_headers(["etag"]).unwrap());
    let response = send(&layer, preflight(APP, "PUT", Some("content-type,x-tenant"))).await;

    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert!(response.body().is_empty());
    let headers = response.headers();
    let expected = [
        ("access-control-allow-origin", APP),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "PUT, QUERY"),
        ("access-control-allow-headers", "content-type, x-tenant"),
        ("access-control-max-age", "600"),
        ("vary", PREFLIGHT_VARY),
    ];
    for (name, value) in expected {
        assert_eq!(joined(headers, name).as_deref(), Some(value), "{name}");
    }
    // Nothing else: `Access-Control-Expose-Headers` is for actual responses, and a 204 has no
    // length.
    assert_eq!(headers.len(), expected.len(), "{headers:?}");
}

#[tokio::test]
async fn the_shortest_policy_allows_what_a_json_api_needs() {
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
        let asked = Some("authorization,content-type");
        let response = send(&one_origin(), preflight(APP, method, asked)).await;
        assert_eq!(
            response.headers()["access-control-allow-origin"],
            APP,
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_preflight_for_what_the_policy_does_not_allow_gets_no_allow_fields() {
    let cases = [
        ("another origin", "https://evil.example", "POST", None),
        (
            "a longer host",
            "https://app.example.com.evil.example",
            "POST",
            None,
        ),
        (
            "a host that ends alike",
            "https://evil-app.example.com",
            "POST",
            None,
        ),
        ("plain http", "http://app.example.com", "POST", None),
        ("another port", "https://app.example.com:8443", "POST", None),
        (
            "the default port",
            "https://app.example.com:443",
            "POST",
            None,
        ),
        ("a path", "https://app.example.com/", "POST", None),
        (
            "two origins in one line",
            "https://app.example.com, https://app.example.com",
            "POST",
            None,
        ),
        ("null", "null", "POST", None),
        ("a star", "*", "POST", None),
        ("an empty origin", "", "POST", None),
        (
            "an origin that is not ASCII",
            "https://\u{e4}pp.example.com",
            "POST",
            None,
        ),
        ("a method that is not listed", APP, "QUERY", None),
        ("a method in lower case", APP, "patch", None),
        ("a method that is not ASCII", APP, "P\u{d6}ST", None),
        ("a star for a method", APP, "*", None),
        ("an empty method", APP, "", None),
        ("two methods", APP, "GET, POST", None),
        (
            "a header that is not listed",
            APP,
            "POST",
            Some("content-type,x-tenant"),
        ),
        ("a star for a header", APP, "POST", Some("*")),
        (
            "a header that begins alike",
            APP,
            "POST",
            Some("content-type-2"),
        ),
        (
            "a header that is not ASCII",
            APP,
            "POST",
            Some("content-typ\u{e9}"),
        ),
        (
            "spaces instead of commas",
            APP,
            "POST",
            Some("authorization content-type"),
        ),
    ];
    for (name, origin, method, headers) in cases {
        for layer in [one_origin(), two_origins()] {
            assert_refused(
                &send(&layer, preflight(origin, method, headers)).await,
                name,
            );
        }
    }
}

#[tokio::test]
async fn request_header_names_are_case_insensitive_and_empty_members_are_skipped() {
    for asked in [
        "Content-Type",
        "AUTHORIZATION , content-type",
        ",,content-type,",
        "",
        " \t",
    ] {
        let response = send(&one_origin(), preflight(APP, "POST", Some(asked))).await;
        assert!(
            response
                .headers()
                .contains_key("access-control-allow-origin"),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn every_line_of_a_repeated_field_counts() {
    let two_lines = |second: &str| {
        let mut request = preflight(APP, "POST", Some("content-type"));
        let value = HeaderValue::from_str(second).unwrap();
        request
            .headers_mut()
            .append("access-control-request-headers", value);
        request
    };
    let response = send(&one_origin(), two_lines("authorization")).await;
    assert!(
        response
            .headers()
            .contains_key("access-control-allow-origin")
    );
    assert_refused(
        &send(&one_origin(), two_lines("x-tenant")).await,
        "the second line",
    );

    for name in ["origin", "access-control-request-method"] {
        let mut request = preflight(APP, "POST", None);
        let again = request.headers()[name].clone();
        request.headers_mut().append(name, again);
        assert_refused(&send(&one_origin(), request).await, name);
    }
}

#[tokio::test]
async fn a_preflight_never_reaches_the_handler() {
    for origin in [APP, "https://evil.example"] {
        let layer = two_origins();
        let response = send_to(&layer, preflight(origin, "POST", None), async |_| {
            panic!("the handler was called")
        })
        .await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn a_wildcard_never_covers_authorization() {
    let layer = with_cors(Cors::any().any_method().any_header().any_exposed_header());
    let response = send(
        &layer,
        preflight("https://a.example", "PROPFIND", Some("x-a,x-b")),
    )
    .await;
    assert_eq!(response.headers()["access-control-allow-methods"], "*");
    assert_eq!(response.headers()["access-control-allow-headers"], "*");
    let asked = preflight("https://a.example", "GET", Some("Authorization"));
    assert_refused(&send(&layer, asked).await, "authorization");
    let response = send(&layer, request("GET", &[("origin", "https://a.example")])).await;
    assert_eq!(response.headers()["access-control-expose-headers"], "*");
}

#[tokio::test]
async fn mirrored_headers_are_echoed() {
    let layer = with_cors(
        Cors::origins([APP])
            .unwrap()
            .credentials()
            .mirrored_headers(),
    );
    let response = send(&layer, preflight(APP, "POST", Some("authorization,x-a"))).await;
    assert_eq!(
        response.headers()["access-control-allow-headers"],
        "authorization,x-a"
    );
    let response = send(&layer, preflight(APP, "POST", None)).await;
    assert!(
        response
            .headers()
            .contains_key("access-control-allow-origin")
    );
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-headers")
    );
    let long = "x".repeat(5000);
    for asked in ["*", "x-a, *", "x a", "x-\u{e9}", "x-a;b", long.as_str()] {
        assert_refused(
            &send(&layer, preflight(APP, "POST", Some(asked))).await,
            asked,
        );
    }
}

#[tokio::test]
async fn private_network_access_is_allowed_only_if_requested_and_configured() {
    let field = "access-control-request-private-network";
    let ask = |value: &'static str| {
        let mut request = preflight(APP, "GET", None);
        request
            .headers_mut()
            .insert(field, HeaderValue::from_static(value));
        request
    };
    let answer = "access-control-allow-private-network";
    let open = with_cors(Cors::origins([APP]).unwrap().private_network());
    let response = send(&open, ask("true")).await;
    assert_eq!(response.headers()[answer], "true");
    assert!(
        response.headers()["vary"]
            .to_str()
            .unwrap()
            .ends_with("-Private-Network")
    );
    for request in [ask("false"), preflight(APP, "GET", None)] {
        assert!(!send(&open, request).await.headers().contains_key(answer));
    }
    assert!(
        !send(&one_origin(), ask("true"))
            .await
            .headers()
            .contains_key(answer)
    );
    let public = with_cors(Cors::any().dangerously_allow_private_network());
    assert_eq!(send(&public, ask("true")).await.headers()[answer], "true");
}

#[tokio::test]
async fn rejects_a_long_list_of_headers_without_parsing_it() {
    let names: Vec<String> = (0..2000).map(|n| format!("x-header-{n}")).collect();
    let cors = Cors::origins([APP])
        .unwrap()
        .headers(names.iter().map(String::as_str))
        .unwrap();
    let layer = with_cors(cors);
    // Within the bound: allowed names, many times over.
    let asked = vec!["x-header-1"; 300].join(",");
    let response = send(&layer, preflight(APP, "GET", Some(&asked))).await;
    assert!(
        response
            .headers()
            .contains_key("access-control-allow-origin")
    );
    // Beyond the bound, in one line or in many, the list is not parsed at all.
    let one_line = vec!["x-header-1"; 100_000].join(",");
    assert_refused(
        &send(&layer, preflight(APP, "GET", Some(&one_line))).await,
        "one line",
    );
    let mut many = preflight(APP, "GET", None);
    for _ in 0..20_000 {
        let value = HeaderValue::from_static("x-header-1");
        many.headers_mut()
            .append("access-control-request-headers", value);
    }
    assert_refused(&send(&layer, many).await, "many lines");
}

#[tokio::test]
async fn accepts_methods_as_text_and_as_types_of_the_http_crate() {
    let cors = Cors::any().methods([Method::GET, Method::QUERY]).unwrap();
    let layer = with_cors(cors.headers([header::IF_MATCH]).unwrap());
    let response = send(&layer, preflight("null", "QUERY", Some("if-match"))).await;
    assert_eq!(
        response.headers()["access-control-allow-methods"],
        "GET, QUERY"
    );
}

#[tokio::test]
async fn get_head_and_post_need_no_listing() {
    // Fetch, "CORS-preflight fetch": a browser sends them whatever the list says.
    let configured: Vec<String> = vec!["PUT".to_owned(), "DELETE".to_owned()];
    let layer = with_cors(Cors::origins([APP]).unwrap().methods(configured).unwrap());
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
        let asked = Some("content-type,authorization");
        let response = send(&layer, preflight(APP, method, asked)).await;
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], APP, "{method}");
        let allowed = &headers["access-control-allow-methods"];
        assert_eq!(allowed, "PUT, DELETE", "{method}");
    }
    for method in ["PATCH", "post", "OPTIONS"] {
        assert_refused(&send(&layer, preflight(APP, method, None)).await, method);
    }
}
