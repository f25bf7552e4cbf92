//! The values of the other fields.

use std::time::Duration;

use http::{HeaderName, Request};
use tower::{Layer, ServiceExt};
use wythe::{
    SecurityHeaders, Transport,
    security_headers::{
        EmbedderPolicy, Hsts, OpenerPolicy, PermissionsPolicy, ReferrerPolicy, ResourcePolicy,
    },
    with_security_headers,
};

use crate::common::{Ok200, empty};

const YEAR: Duration = Duration::from_secs(31_536_000);

#[test]
fn hsts_has_the_directives_of_rfc_6797() {
    let year = || Hsts::max_age(YEAR).unwrap();
    let cases = [
        (year(), "max-age=31536000"),
        (
            year().include_subdomains(),
            "max-age=31536000; includeSubDomains",
        ),
        (
            year().include_subdomains().preload().unwrap(),
            "max-age=31536000; includeSubDomains; preload",
        ),
        (
            Hsts::max_age(Duration::from_millis(1_999)).unwrap(),
            "max-age=1",
        ),
        (Hsts::forget(), "max-age=0"),
        (
            Hsts::forget().include_subdomains(),
            "max-age=0; includeSubDomains",
        ),
    ];
    for (hsts, expected) in cases {
        assert_eq!(hsts.to_string(), expected);
    }
    Hsts::max_age(Duration::from_millis(999)).unwrap_err();
    let almost = Hsts::max_age(YEAR - Duration::from_secs(1)).unwrap();
    for hsts in [
        year(),
        almost.include_subdomains(),
        Hsts::forget().include_subdomains(),
    ] {
        assert!(hsts.preload().is_err(), "{hsts}");
    }
}

#[test]
fn permissions_are_a_dictionary_of_structured_fields() {
    let policy = PermissionsPolicy::new()
        .deny("camera")
        .unwrap()
        .this_origin("camera")
        .unwrap()
        .deny("ch-ua-wow64")
        .unwrap();
    assert_eq!(policy.to_string(), "camera=(self), ch-ua-wow64=()");
    for name in ["", "Camera", "a b", "1a", "a=()", "a,b", "\u{e4}"] {
        assert!(
            PermissionsPolicy::new().deny(name.to_owned()).is_err(),
            "{name}"
        );
    }
    for origin in ["", "a.example", "https://a/", "https://a\", b=*"] {
        let policy = PermissionsPolicy::new().origins("usb", [origin]);
        assert!(policy.is_err(), "{origin}");
    }
}

#[tokio::test]
async fn setters_set_replace_and_leave_out() {
    let hsts = Hsts::max_age(YEAR).unwrap();
    let camera = PermissionsPolicy::new().deny("camera").unwrap();
    type Change = fn(SecurityHeaders) -> SecurityHeaders;
    let cases: Vec<(Change, &str, Option<&str>)> = vec![
        (
            |headers| headers.referrer_policy(ReferrerPolicy::SameOrigin),
            "referrer-policy",
            Some("same-origin"),
        ),
        (
            |headers| headers.referrer_policy(ReferrerPolicy::StrictOrigin),
            "referrer-policy",
            Some("strict-origin"),
        ),
        (
            |headers| headers.opener_policy(OpenerPolicy::SameOriginAllowPopups),
            "cross-origin-opener-policy",
            Some("same-origin-allow-popups"),
        ),
        (
            |headers| headers.opener_policy(OpenerPolicy::NoopenerAllowPopups),
            "cross-origin-opener-policy",
            Some("noopener-allow-popups"),
        ),
        (
            |headers| headers.embedder_policy(EmbedderPolicy::RequireCorp),
            "cross-origin-embedder-policy",
            Some("require-corp"),
        ),
        (
            |headers| headers.embedder_policy(EmbedderPolicy::Credentialless),
            "cross-origin-embedder-policy",
            Some("credentialless"),
        ),
        (
            |headers| headers.resource_policy(ResourcePolicy::CrossOrigin),
            "cross-origin-resource-policy",
            Some("cross-origin"),
        ),
        (
            |headers| headers.permissions_policy(&PermissionsPolicy::new()),
            "permissions-policy",
            None,
        ),
        (
            |headers| headers.without(&http::header::CONTENT_SECURITY_POLICY),
            "content-security-policy",
            None,
        ),
        (
            |headers| headers.without(&http::header::STRICT_TRANSPORT_SECURITY),
            "strict-transport-security",
            None,
        ),
    ];
    for (change, name, expected) in cases {
        let headers = SecurityHeaders::html()
            .hsts(hsts, Transport::tls())
            .permissions_policy(&camera);
        let shown = format!("{headers:?}");
        assert!(shown.contains("permissions-policy"), "{shown}");
        let service = with_security_headers(change(headers)).layer(Ok200);
        let response = service.oneshot(Request::new(empty())).await.unwrap();
        let lines: Vec<_> = response
            .headers()
            .get_all(name.parse::<HeaderName>().unwrap())
            .iter()
            .collect();
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(lines, expected, "{name}");
    }
}
