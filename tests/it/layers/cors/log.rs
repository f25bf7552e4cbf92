//! A denied preflight is an answer without allow fields, from which nobody can see what was wrong.
//! The log says it.

use http::HeaderValue;
use wythe::{Cors, With, with_cors};

use crate::common::{
    cors::{APP, one_origin, preflight},
    log::Log,
    send,
};

async fn event(layer: &With<Cors>, request: http::Request<crate::common::Body>) -> String {
    let (log, _guard) = Log::listen();
    let response = send(layer, request).await;
    assert_eq!(response.status(), 204);
    log.take()
}

#[tokio::test]
async fn a_denied_preflight_leaves_one_event_that_names_the_part_that_is_not_allowed() {
    let long = "x".repeat(5_000);
    let cases = [
        (
            preflight("https://evil.example", "PUT", None),
            "reason=\"origin\" cause=the origin `https://evil.example` is not allowed",
        ),
        (
            preflight("null", "PUT", None),
            "reason=\"origin\" cause=the origin `null` is not allowed",
        ),
        (
            preflight("https://\u{e4}.example\"`", "PUT", None),
            "reason=\"origin\" cause=the origin `https://\u{e4}.example\\\"`` is not allowed",
        ),
        (
            preflight(APP, "QUERY", None),
            "reason=\"method\" cause=the method `QUERY` is not allowed",
        ),
        (
            preflight(APP, "PUT", Some("content-type, X-Tenant,x-other")),
            "reason=\"header\" cause=the header `X-Tenant` is not allowed",
        ),
        (
            preflight(APP, "PUT", Some(&long)),
            "reason=\"header\" cause=`Access-Control-Request-Headers` has more than 4096 bytes",
        ),
        // The first part that does not match is enough.
        (
            preflight("https://evil.example", "QUERY", Some("x-tenant")),
            "reason=\"origin\" cause=the origin `https://evil.example` is not allowed",
        ),
    ];
    for (request, says) in cases {
        let expected = format!("DEBUG message=refused layer=\"with_cors\" status=204 {says}\n");
        assert_eq!(event(&one_origin(), request).await, expected);
    }
}

#[tokio::test]
async fn a_preflight_with_a_repeated_field_leaves_an_event_that_says_so() {
    for (field, says) in [
        ("origin", "reason=\"origin\" cause=`Origin` is repeated"),
        (
            "access-control-request-method",
            "reason=\"method\" cause=`Access-Control-Request-Method` is repeated",
        ),
    ] {
        let mut request = preflight(APP, "PUT", None);
        let value = HeaderValue::from_static("PUT");
        request.headers_mut().append(field, value);
        let event = event(&one_origin(), request).await;
        assert!(event.contains(says), "{event}");
    }
}

#[tokio::test]
async fn the_event_of_a_denied_preflight_is_short_and_has_one_line() {
    let origin = format!("https://{}.example", "a".repeat(5_000));
    let event = event(&one_origin(), preflight(&origin, "PUT", None)).await;
    assert!(event.len() < 300, "{event}");
    assert!(event.contains("aaa..` is not"), "{event}");
}

#[tokio::test]
async fn what_is_not_a_denied_preflight_leaves_no_event() {
    let any = with_cors(Cors::any());
    let simple = crate::common::cors::request("GET", &[("origin", "https://evil.example")]);
    let (log, _guard) = Log::listen();
    send(&one_origin(), preflight(APP, "PUT", Some("content-type"))).await;
    send(&any, preflight("https://evil.example", "PUT", None)).await;
    send(&one_origin(), simple).await;
    assert_eq!(log.take(), "");
}
