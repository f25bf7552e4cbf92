//! The content security policy.

use http::{HeaderMap, header};
use tower::{Layer, ServiceExt};
use wythe::{
    SecurityHeaders,
    security_headers::{ContentSecurityPolicy, NonceUse, Source},
    with_security_headers,
};

use crate::common::{Ok200, empty};

async fn sent<N: NonceUse>(headers: SecurityHeaders<N>) -> HeaderMap
where
    SecurityHeaders<N>: wythe::Place + wythe::Middleware<crate::common::Body>,
{
    let service = with_security_headers(headers).layer(Ok200);
    let request = http::Request::new(empty());
    service.oneshot(request).await.unwrap().headers().clone()
}

#[test]
fn directives_are_written_as_the_standard_has_them() {
    let nothing = || ContentSecurityPolicy::nothing();
    let own = || [Source::this_origin()];
    let base = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let digest = [0_u8; 32];
    let cases = [
        (nothing(), String::new()),
        (
            nothing().script_src(own()),
            "; script-src 'self'".to_owned(),
        ),
        (nothing().script_src([]), "; script-src 'none'".to_owned()),
        (
            nothing()
                .script_src(own())
                .script_src([Source::any_https()]),
            "; script-src https:".to_owned(),
        ),
        (
            nothing().script_src([Source::sha256(&digest)]),
            format!("; script-src 'sha256-{}='", "A".repeat(43)),
        ),
        (
            nothing().img_src([Source::this_origin(), Source::data(), Source::blob()]),
            "; img-src 'self' data: blob:".to_owned(),
        ),
        (
            nothing().connect_src([Source::origin("wss://a.example:8443").unwrap()]),
            "; connect-src wss://a.example:8443".to_owned(),
        ),
        (
            nothing().style_src([
                Source::dangerously_unsafe_inline(),
                Source::dangerously_unsafe_hashes(),
            ]),
            "; style-src 'unsafe-inline' 'unsafe-hashes'".to_owned(),
        ),
        (
            nothing().script_src([
                Source::dangerously_unsafe_eval(),
                Source::dangerously_wasm_unsafe_eval(),
                Source::dangerously_any(),
            ]),
            "; script-src 'unsafe-eval' 'wasm-unsafe-eval' *".to_owned(),
        ),
        (
            nothing()
                .upgrade_insecure_requests()
                .require_trusted_types(),
            "; upgrade-insecure-requests; require-trusted-types-for 'script'".to_owned(),
        ),
        (
            nothing().report_to("csp", "https://r.example/csp").unwrap(),
            "; report-uri https://r.example/csp; report-to csp".to_owned(),
        ),
    ];
    for (policy, rest) in cases {
        assert_eq!(policy.to_string(), format!("{base}{rest}"));
    }
    // A nonce stays where the sources of its directive are set again.
    let policy = nothing().script_nonce().script_src(own()).strict_dynamic();
    let expected = format!("{base}; script-src 'self' 'nonce-..' 'strict-dynamic'");
    assert_eq!(policy.to_string(), expected);
    assert_eq!(
        format!("{policy:?}"),
        format!("ContentSecurityPolicy({expected:?})")
    );
}

#[test]
fn what_can_not_be_is_an_error() {
    let bad = [
        "cdn.example.com",
        "https://cdn.example.com/",
        "https://cdn.example.com/lib.js",
        "https://a; script-src *",
        "https://a, default-src *",
        "https://*",
        "https://*.*.example.com",
        "https://b\u{fc}cher.example",
        "'self'",
        "*",
        "",
    ];
    for text in bad {
        assert!(Source::origin(text).is_err(), "{text}");
    }
    for text in [
        "https://cdn.example.com",
        "https://*.example.com",
        "http://[::1]:3000",
    ] {
        assert!(Source::origin(text).is_ok(), "{text}");
    }
    let policy = || ContentSecurityPolicy::nothing();
    for (name, url) in [
        ("", "/csp"),
        ("Csp", "/csp"),
        ("a b", "/csp"),
        ("csp", ""),
        ("csp", "/a b"),
        ("csp", "/a;b"),
        ("csp", "/\""),
    ] {
        assert!(policy().report_to(name, url).is_err(), "{name} {url}");
    }
    let fetched = || [Source::dangerously_unsafe_inline()];
    for policy in [
        policy().frame_ancestors(fetched()),
        policy().base_uri(fetched()),
        policy().form_action(fetched()),
    ] {
        assert!(
            SecurityHeaders::api()
                .content_security_policy(&policy)
                .is_err(),
            "{policy}"
        );
    }
    let error = SecurityHeaders::api().report_only(&policy()).unwrap_err();
    assert!(error.to_string().contains("report_to"), "{error}");
}

#[tokio::test]
async fn frame_options_follow_the_ancestors() {
    let own = Source::this_origin();
    let other = Source::origin("https://a.example").unwrap();
    let cases = [
        (vec![], Some("DENY")),
        (vec![own.clone()], Some("SAMEORIGIN")),
        (vec![other.clone()], None),
        (vec![own, other], None),
    ];
    for (ancestors, expected) in cases {
        let policy = ContentSecurityPolicy::nothing().frame_ancestors(ancestors);
        let headers = SecurityHeaders::html()
            .content_security_policy(&policy)
            .unwrap();
        let headers = sent(headers).await;
        let value = headers
            .get("x-frame-options")
            .map(|value| value.to_str().unwrap());
        assert_eq!(value, expected, "{policy}");
    }
}

#[tokio::test]
async fn each_endpoint_of_the_current_policies_is_listed_once() {
    let policy = |name, url| {
        let policy = ContentSecurityPolicy::nothing();
        policy.report_to(name, url).unwrap()
    };
    let first = SecurityHeaders::api()
        .content_security_policy(&policy("csp-next", "/r"))
        .unwrap();
    let cases = [
        (first.clone(), Some("csp-next=\"/r\"")),
        (
            first.clone().report_only(&policy("next", "/r")).unwrap(),
            Some("csp-next=\"/r\", next=\"/r\""),
        ),
        (
            first
                .clone()
                .report_only(&policy("csp-next", "/r"))
                .unwrap(),
            Some("csp-next=\"/r\""),
        ),
        // The policy has been replaced, and so has its endpoint.
        (
            first
                .clone()
                .content_security_policy(&policy("csp-next", "/other"))
                .unwrap(),
            Some("csp-next=\"/other\""),
        ),
        (
            first.clone().without(&header::CONTENT_SECURITY_POLICY),
            None,
        ),
    ];
    for (headers, expected) in cases {
        let headers = sent(headers).await;
        let endpoints = headers.get("reporting-endpoints");
        assert_eq!(endpoints.map(|value| value.to_str().unwrap()), expected);
    }
    let error = first
        .report_only(&policy("csp-next", "/other"))
        .unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("give one of the endpoints another name"),
        "{error}"
    );
}

#[tokio::test]
async fn a_policy_that_only_reports_stands_beside_the_other() {
    let policy = ContentSecurityPolicy::nothing()
        .report_to("next", "/next")
        .unwrap();
    let enforced = SecurityHeaders::html_policy()
        .report_to("csp", "/csp")
        .unwrap();
    let headers = SecurityHeaders::html()
        .content_security_policy(&enforced)
        .unwrap()
        .report_only(&policy)
        .unwrap();
    let headers = sent(headers).await;
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .ends_with("report-to csp")
    );
    let only = headers["content-security-policy-report-only"]
        .to_str()
        .unwrap();
    assert!(only.ends_with("report-uri /next; report-to next"), "{only}");
    assert_eq!(
        headers["reporting-endpoints"],
        "csp=\"/csp\", next=\"/next\""
    );
}
