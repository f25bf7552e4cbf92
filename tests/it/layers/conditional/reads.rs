//! Responses to GET and HEAD, by section of RFC 9110.

use wythe::{Conditional, with_conditional};

use super::{AFTER, BEFORE, MODIFIED, answer, names, request, with_fields};

const BOTH: &[(&str, &str)] = &[("etag", "\"7\""), ("last-modified", MODIFIED)];
const WEAK: &[(&str, &str)] = &[("etag", "W/\"7\"")];
const DATED: &[(&str, &str)] = &[("last-modified", MODIFIED)];
const NONE: &[(&str, &str)] = &[];

type Fields = &'static [(&'static str, &'static str)];

/// The fields of the response and of the request, and the status.
const CASES: &[(&str, Fields, Fields, u16)] = &[
    ("no precondition", BOTH, &[], 200),
    // 13.1.1: strong comparison; `*` needs a representation.
    ("If-Match", BOTH, &[("if-match", "\"7\"")], 200),
    ("If-Match of another", BOTH, &[("if-match", "\"6\"")], 412),
    (
        "If-Match of several",
        BOTH,
        &[("if-match", "\"6\", \"7\"")],
        200,
    ),
    ("If-Match, weak", BOTH, &[("if-match", "W/\"7\"")], 412),
    (
        "If-Match of a weak one",
        WEAK,
        &[("if-match", "W/\"7\"")],
        412,
    ),
    ("If-Match: *", NONE, &[("if-match", "*")], 200),
    (
        "If-Match without a tag",
        NONE,
        &[("if-match", "\"7\"")],
        412,
    ),
    ("If-Match, malformed", BOTH, &[("if-match", "7")], 412),
    // A list is read as a whole.
    (
        "If-Match, half malformed",
        BOTH,
        &[("if-match", "\"7\", *")],
        412,
    ),
    (
        "If-Match in lines, one malformed",
        BOTH,
        &[("if-match", "\"7\""), ("if-match", "*")],
        412,
    ),
    (
        "If-None-Match, half malformed",
        BOTH,
        &[("if-none-match", "\"7\", *")],
        200,
    ),
    // 13.1.2: weak comparison.
    ("If-None-Match", BOTH, &[("if-none-match", "\"7\"")], 304),
    (
        "If-None-Match of another",
        BOTH,
        &[("if-none-match", "\"6\"")],
        200,
    ),
    (
        "If-None-Match, weak",
        BOTH,
        &[("if-none-match", "W/\"7\"")],
        304,
    ),
    (
        "If-None-Match of a weak one",
        WEAK,
        &[("if-none-match", "\"7\"")],
        304,
    ),
    (
        "If-None-Match of several",
        BOTH,
        &[("if-none-match", "\"5\",W/\"6\" , \"7\"")],
        304,
    ),
    (
        "If-None-Match in lines",
        BOTH,
        &[("if-none-match", "\"6\""), ("if-none-match", "\"7\"")],
        304,
    ),
    ("If-None-Match: *", NONE, &[("if-none-match", "*")], 304),
    (
        "If-None-Match without a tag",
        NONE,
        &[("if-none-match", "\"7\"")],
        200,
    ),
    (
        "If-None-Match, malformed",
        BOTH,
        &[("if-none-match", "7")],
        200,
    ),
    (
        "a comma in a tag",
        &[("etag", "\"a,b\"")],
        &[("if-none-match", "\"a,b\"")],
        304,
    ),
    (
        "half of a tag",
        &[("etag", "\"a\"")],
        &[("if-none-match", "\"a,b\"")],
        200,
    ),
    // 13.1.3
    (
        "If-Modified-Since",
        DATED,
        &[("if-modified-since", MODIFIED)],
        304,
    ),
    ("since before", DATED, &[("if-modified-since", BEFORE)], 200),
    ("since after", DATED, &[("if-modified-since", AFTER)], 304),
    (
        "since, RFC 850",
        DATED,
        &[("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT")],
        304,
    ),
    (
        "since, asctime",
        DATED,
        &[("if-modified-since", "Sun Nov  6 08:49:37 1994")],
        304,
    ),
    (
        "since, malformed",
        DATED,
        &[("if-modified-since", "yesterday")],
        200,
    ),
    (
        "since, twice",
        DATED,
        &[("if-modified-since", AFTER), ("if-modified-since", AFTER)],
        200,
    ),
    (
        "since, without a time",
        WEAK,
        &[("if-modified-since", AFTER)],
        200,
    ),
    (
        "since, beside If-None-Match",
        BOTH,
        &[("if-none-match", "\"6\""), ("if-modified-since", AFTER)],
        200,
    ),
    (
        "since, beside a match",
        BOTH,
        &[("if-none-match", "\"7\""), ("if-modified-since", BEFORE)],
        304,
    ),
    // 13.1.4
    (
        "If-Unmodified-Since",
        DATED,
        &[("if-unmodified-since", MODIFIED)],
        200,
    ),
    (
        "unmodified, before",
        DATED,
        &[("if-unmodified-since", BEFORE)],
        412,
    ),
    (
        "unmodified, malformed",
        DATED,
        &[("if-unmodified-since", "yesterday")],
        200,
    ),
    (
        "unmodified, without a time",
        WEAK,
        &[("if-unmodified-since", BEFORE)],
        200,
    ),
    (
        "unmodified, beside If-Match",
        BOTH,
        &[("if-match", "\"7\""), ("if-unmodified-since", BEFORE)],
        200,
    ),
    // 13.2.2: steps 1 and 2 come before 3 and 4.
    (
        "failed and not modified",
        BOTH,
        &[("if-match", "\"6\""), ("if-none-match", "\"7\"")],
        412,
    ),
    (
        "matched and not modified",
        BOTH,
        &[("if-match", "\"7\""), ("if-none-match", "\"7\"")],
        304,
    ),
    (
        "unmodified and not modified",
        BOTH,
        &[
            ("if-unmodified-since", MODIFIED),
            ("if-none-match", "\"7\""),
        ],
        304,
    ),
    // A field that occurs once does not count if it is there twice.
    (
        "two tags",
        &[("etag", "\"7\""), ("etag", "\"8\"")],
        &[("if-none-match", "\"7\"")],
        200,
    ),
    (
        "a malformed tag",
        &[("etag", "7")],
        &[("if-none-match", "7")],
        200,
    ),
    // 14.2, 13.1.5: ranges are not served.
    ("Range", BOTH, &[("range", "bytes=0-1")], 200),
    (
        "If-Range",
        BOTH,
        &[("range", "bytes=0-1"), ("if-range", "\"7\"")],
        200,
    ),
];

#[tokio::test]
async fn reads_are_answered_as_the_standard_says() {
    let layer = with_conditional(Conditional::new());
    for (name, response, fields, status) in CASES {
        for method in ["GET", "HEAD"] {
            let response = with_fields(200, response, "hello");
            let got = answer(&layer, request(method, fields), response).await;
            assert_eq!(got.status(), *status, "{name}, {method}");
            assert_eq!(
                got.body().is_empty(),
                *status == 304 || method == "HEAD" && *status == 412,
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn preconditions_are_ignored_where_the_response_is_not_a_success() {
    let layer = with_conditional(Conditional::new());
    let all = [("if-match", "\"6\""), ("if-none-match", "*")];
    for status in [301, 304, 401, 404, 410, 500] {
        let response = with_fields(status, BOTH, "");
        let got = answer(&layer, request("GET", &all), response).await;
        assert_eq!(got.status(), status);
    }
    for status in [203, 206] {
        let response = with_fields(status, BOTH, "");
        let got = answer(&layer, request("GET", &all[1..]), response).await;
        assert_eq!(got.status(), 304);
    }
}

#[tokio::test]
async fn methods_that_select_no_representation_pass() {
    // Section 13.2.1.
    let layer = with_conditional(Conditional::new().require_precondition());
    let all = [("if-match", "\"6\""), ("if-none-match", "*")];
    for method in ["OPTIONS", "TRACE", "CONNECT", "QUERY"] {
        for fields in [&all[..], &[]] {
            let got = answer(&layer, request(method, fields), with_fields(200, BOTH, "")).await;
            assert_eq!(got.status(), 200, "{method}");
        }
    }
}

#[tokio::test]
async fn a_304_has_no_metadata_of_the_content_except_for_the_fields_of_the_standard() {
    // Section 15.4.5.
    let fields = [
        ("cache-control", "max-age=60"),
        ("cdn-cache-control", "max-age=600"),
        ("content-encoding", "identity"),
        ("content-language", "en"),
        ("content-length", "5"),
        ("content-digest", "sha-256=::"),
        ("content-disposition", "inline"),
        ("content-location", "/hello.en"),
        ("content-security-policy", "default-src 'self'"),
        ("content-security-policy-report-only", "default-src 'none'"),
        ("content-type", "text/plain"),
        ("date", AFTER),
        ("etag", "\"7\""),
        ("expires", AFTER),
        ("last-modified", MODIFIED),
        ("link", "</style.css>; rel=preload"),
        ("repr-digest", "sha-256=::"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("vary", "accept-language"),
        ("vary", "origin"),
        ("x-render-ms", "12"),
    ];
    let layer = with_conditional(Conditional::new());
    let ask = request("GET", &[("if-none-match", "\"7\"")]);
    let got = answer(&layer, ask, with_fields(200, &fields, "hello")).await;
    assert_eq!(got.status(), 304);
    let kept = [
        "cache-control",
        "cdn-cache-control",
        "content-location",
        "content-security-policy",
        "content-security-policy-report-only",
        "date",
        "etag",
        "expires",
        "link",
        "set-cookie",
        "vary",
        "x-render-ms",
    ];
    assert_eq!(names(got.headers()), kept);
    assert_eq!(got.headers().get_all("vary").iter().count(), 2);
    assert_eq!(got.headers().get_all("set-cookie").iter().count(), 2);

    let ask = request("GET", &[("if-modified-since", MODIFIED)]);
    let got = answer(&layer, ask, with_fields(200, DATED, "hello")).await;
    assert_eq!(names(got.headers()), ["last-modified"]);
}

#[tokio::test]
async fn a_failed_read_is_a_problem() {
    let layer = with_conditional(Conditional::new());
    let ask = request("GET", &[("if-match", "\"6\"")]);
    let got = answer(&layer, ask, with_fields(200, BOTH, "hello")).await;
    assert_eq!(got.headers()["content-type"], "application/problem+json");
    assert!(!got.headers().contains_key("etag"));
}
