//! The event of a refused token says what is expected and what the token has, as far as that can be
//! told without values of claims.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};
use wythe::{Jwt, JwtIssuer, JwtKey};

use super::{Claims, NOW, SECRET, answer, at, hs256, token};
use crate::common::log::Log;

/// The cause in the event of a token with these claims.
async fn cause<C>(jwt: Jwt<C>, claims: Value) -> String
where
    C: serde::de::DeserializeOwned + Clone + Send + Sync + 'static,
{
    let mut all = json!({ "sub": "ann", "exp": NOW + 60 });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    let (log, _guard) = Log::listen();
    let token = format!("Bearer {}", token(&all));
    let response = answer(jwt, &[("authorization", &token)]).await;
    assert_eq!(response.status(), 401);
    let body = String::from_utf8_lossy(response.body()).into_owned();
    assert!(body.contains("\"The access token is invalid\""), "{body}");
    let event = log.take();
    assert_eq!(event.lines().count(), 1, "{event}");
    let (_, cause) = event.split_once(" cause=").unwrap();
    cause.trim_end().to_owned()
}

#[tokio::test]
async fn the_event_of_a_wrong_issuer_or_audience_names_the_expected_and_the_found() {
    let plain = || hs256::<Claims>();
    let issuer = || plain().issuer("https://id.example");
    let audience = || plain().audience("api").audience("admin");
    let key = |name: &str| {
        let key = JwtKey::hs256(SECRET).unwrap();
        JwtIssuer::new(name, [key]).unwrap()
    };
    let two = || {
        Jwt::<Claims>::issuers([key("a"), key("b")])
            .unwrap()
            .clock(at(NOW))
    };
    let long = "x".repeat(5_000);
    let many: Vec<_> = (0..1_000).map(|n| n.to_string()).collect();
    let cases = [
        (
            issuer(),
            json!({ "iss": "https://id.example/" }),
            "wrong issuer: expected `https://id.example`, found `https://id.example/`",
        ),
        (
            issuer(),
            json!({}),
            "wrong issuer: expected `https://id.example`, found none",
        ),
        (
            two(),
            json!({ "iss": "c" }),
            "wrong issuer: expected `a`, `b`, found `c`",
        ),
        (
            two().issuer("a"),
            json!({ "iss": "b" }),
            "wrong issuer: expected `a`, found `b`",
        ),
        (
            audience(),
            json!({ "aud": "web" }),
            "wrong audience: expected `api`, `admin`, found `web`",
        ),
        (
            audience(),
            json!({ "aud": ["web", "app"] }),
            "wrong audience: expected `api`, `admin`, found `web`, `app`",
        ),
        (
            audience(),
            json!({}),
            "wrong audience: expected `api`, `admin`, found none",
        ),
        (
            plain(),
            json!({ "aud": "web" }),
            "wrong audience: expected none, found `web`",
        ),
        // A token is written by others, so its names are escaped and cut.
        (
            audience(),
            json!({ "aud": "web\n\u{1b}[31m\u{202e}" }),
            "wrong audience: expected `api`, `admin`, found `web\\n\\u{1b}[31m\\u{202e}`",
        ),
        (
            audience(),
            json!({ "aud": long }),
            &format!(
                "wrong audience: expected `api`, `admin`, found `{}..`",
                "x".repeat(100)
            ),
        ),
        (
            audience(),
            json!({ "aud": many }),
            "wrong audience: expected `api`, `admin`, found `0`, `1`, `2`, `3`, and 996 more",
        ),
    ];
    for (jwt, claims, expected) in cases {
        assert_eq!(cause(jwt, claims.clone()).await, expected, "{claims}");
    }
}

#[tokio::test]
async fn the_event_of_claims_of_another_type_names_the_claim_and_not_its_value() {
    #[derive(Clone, Deserialize)]
    #[expect(dead_code, reason = "only deserialized")]
    struct Rich {
        sub: String,
        level: Option<u8>,
        realm: Option<HashMap<String, Vec<String>>>,
        plan: Option<Plan>,
    }

    #[derive(Clone, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Plan {
        Free,
    }

    #[derive(Clone, Deserialize)]
    #[expect(dead_code, reason = "only deserialized")]
    struct Flat {
        #[serde(flatten)]
        rich: Rich,
    }

    let secret = "hunter2";
    let cases = [
        (json!({ "sub": 5 }), "`sub`: expected a string at "),
        (json!({ "level": secret }), "`level`: expected u8 at "),
        (json!({ "level": 300 }), "`level`: expected u8 at "),
        (
            json!({ "realm": { secret: [1] } }),
            "in `realm`: expected a string at ",
        ),
        (json!({ "plan": secret }), "`plan`: "),
    ];
    for (claims, expected) in cases {
        let cause = cause(hs256::<Rich>(), claims.clone()).await;
        let cause = cause
            .strip_prefix("the claims can't be deserialized: ")
            .unwrap();
        assert!(cause.starts_with(expected), "{claims}: {cause}");
        assert!(cause.contains("line 1 column"), "{claims}: {cause}");
        assert!(!cause.contains(secret), "{claims}: {cause}");
        assert!(!cause.contains("300"), "{claims}: {cause}");
    }
    // The place is lost where serde flattens.
    let cause = cause(hs256::<Flat>(), json!({ "level": secret })).await;
    assert!(cause.contains("expected u8 at line 1 column"), "{cause}");
    assert!(!cause.contains(secret), "{cause}");
}
