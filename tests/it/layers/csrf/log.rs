//! The log has the reason for a refusal, and no credential.

use http::{Request, StatusCode};
use wythe::{Csrf, CsrfTokens, with_csrf};

use crate::common::{empty, log::Log, send};

#[tokio::test]
async fn logs_each_refusal_as_one_event_with_its_reason_and_no_credential() {
    let (log, _guard) = Log::listen();
    let tokens = CsrfTokens::new("the key that signs tokens, in forty bytes").unwrap();
    let stolen = tokens.issue("hunter3").to_string();
    let csrf = Csrf::same_origin().fallback_token(tokens, |head| {
        let cookie = head.headers().get("cookie")?.to_str().ok()?;
        cookie.strip_prefix("session=").map(Into::into)
    });
    let layer = with_csrf(csrf);
    let cases: [(&[(&str, &str)], &str, &str); 5] = [
        (
            &[("sec-fetch-site", "cross-site")],
            "another site sent it, according to Sec-Fetch-Site",
            "cross_site",
        ),
        (
            &[("host", "a.b"), ("origin", "https://evil.example")],
            "another origin sent it",
            "cross_origin",
        ),
        (&[("origin", "null")], "the origin is null", "null_origin"),
        (&[], "no token", "no_token"),
        (
            &[("x-csrf-token", &stolen)],
            "the token was not issued for this session",
            "wrong_token",
        ),
    ];
    for (fields, reason, code) in cases {
        let mut request = Request::post("/").header("cookie", "session=hunter2");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let response = send(&layer, request.body(empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        let event = log.take();
        assert_eq!(event.lines().count(), 1, "{event}");
        let expected =
            format!(r#"DEBUG message=refused layer="with_csrf" status=403 reason="{code}""#);
        assert!(event.starts_with(&expected), "{event}");
        assert!(event.contains(&format!("cause={reason}")), "{event}");
        for secret in ["hunter", &stolen, "evil"] {
            assert!(!event.contains(secret), "{event}");
        }
        let body = String::from_utf8_lossy(response.body());
        assert!(!body.contains(reason), "{body}");
    }
    let passing = Request::post("/").header("sec-fetch-site", "none");
    let response = send(&layer, passing.body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(log.take(), "");
}
