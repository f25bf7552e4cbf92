//! The registered claims, and those of the handler.

use std::time::Duration;

use serde_json::{Value, json};
use wythe::{Jwt, auth::JwtRefusal};

use super::{AUDIENCE, Claims, ISSUER, NOW, hs256, raw, token, verdict};

#[tokio::test]
async fn checks_the_times_to_the_second() {
    use JwtRefusal::{Expired, Malformed, MissingExpiry, NotYetValid};
    let later = NOW + 60;
    let cases: &[(&str, u64, Value, Result<(), JwtRefusal>)] = &[
        ("a second left", 0, json!({ "exp": NOW + 1 }), Ok(())),
        ("at the second", 0, json!({ "exp": NOW }), Err(Expired)),
        ("a second ago", 0, json!({ "exp": NOW - 1 }), Err(Expired)),
        ("within the leeway", 30, json!({ "exp": NOW - 29 }), Ok(())),
        ("at its end", 30, json!({ "exp": NOW - 30 }), Err(Expired)),
        (
            "half a second left",
            0,
            json!({ "exp": 1_800_000_000.5 }),
            Ok(()),
        ),
        (
            "half a second ago",
            0,
            json!({ "exp": 1_799_999_999.5 }),
            Err(Expired),
        ),
        ("the largest number", 0, json!({ "exp": u64::MAX }), Ok(())),
        ("the smallest", 0, json!({ "exp": i64::MIN }), Err(Expired)),
        ("no expiry", 0, json!({}), Err(MissingExpiry)),
        (
            "a null expiry",
            0,
            json!({ "exp": null }),
            Err(MissingExpiry),
        ),
        ("a text", 0, json!({ "exp": "1800000060" }), Err(Malformed)),
        ("from now", 0, json!({ "exp": later, "nbf": NOW }), Ok(())),
        (
            "from the next second",
            0,
            json!({ "exp": later, "nbf": NOW + 1 }),
            Err(NotYetValid),
        ),
        (
            "from half a second",
            0,
            json!({ "exp": later, "nbf": 1_800_000_000.5 }),
            Err(NotYetValid),
        ),
        (
            "at the leeway's end",
            30,
            json!({ "exp": later, "nbf": NOW + 30 }),
            Ok(()),
        ),
        (
            "beyond it",
            30,
            json!({ "exp": later, "nbf": NOW + 31 }),
            Err(NotYetValid),
        ),
        (
            "never yet",
            0,
            json!({ "exp": later, "nbf": u64::MAX }),
            Err(NotYetValid),
        ),
        (
            "long since",
            0,
            json!({ "exp": later, "nbf": i64::MIN }),
            Ok(()),
        ),
    ];
    for (name, leeway, claims, expected) in cases {
        let mut claims = claims.clone();
        claims["sub"] = json!("ann");
        let jwt = hs256().leeway(Duration::from_secs(*leeway));
        assert_eq!(&verdict(jwt, &token(&claims)).await, expected, "{name}");
    }
}

/// A provider whose clock is a second ahead signs tokens that are not valid yet by this clock.
#[tokio::test]
async fn tolerates_ten_seconds_before_a_token_begins_and_none_after_it_ends() {
    use JwtRefusal::{Expired, NotYetValid, TooOld};
    let aged = || hs256().max_age(Duration::from_secs(60)).unwrap();
    let cases = [
        (
            "nbf in a second",
            hs256(),
            json!({ "nbf": NOW + 1 }),
            Ok(()),
        ),
        (
            "nbf at the end",
            hs256(),
            json!({ "nbf": NOW + 10 }),
            Ok(()),
        ),
        (
            "nbf beyond it",
            hs256(),
            json!({ "nbf": NOW + 11 }),
            Err(NotYetValid),
        ),
        ("iat in a second", aged(), json!({ "iat": NOW + 1 }), Ok(())),
        ("iat at the end", aged(), json!({ "iat": NOW + 10 }), Ok(())),
        (
            "iat beyond it",
            aged(),
            json!({ "iat": NOW + 11 }),
            Err(NotYetValid),
        ),
        (
            "at the age",
            aged(),
            json!({ "iat": NOW - 60 }),
            Err(TooOld),
        ),
        ("expired", hs256(), json!({ "exp": NOW }), Err(Expired)),
        (
            "no leeway at all",
            hs256().leeway(Duration::ZERO),
            json!({ "nbf": NOW + 1 }),
            Err(NotYetValid),
        ),
    ];
    for (name, jwt, claims, expected) in cases {
        let mut all = json!({ "sub": "ann", "exp": NOW + 60 });
        for (claim, value) in claims.as_object().unwrap() {
            all[claim] = value.clone();
        }
        assert_eq!(verdict(jwt, &token(&all)).await, expected, "{name}");
    }
}

#[tokio::test]
async fn checks_an_expiry_even_if_none_is_required() {
    let lax = || hs256().dangerously_accept_without_expiry();
    assert_eq!(
        verdict(lax(), &token(&json!({ "sub": "ann" }))).await,
        Ok(())
    );
    let expired = token(&json!({ "sub": "ann", "exp": NOW }));
    assert_eq!(verdict(lax(), &expired).await, Err(JwtRefusal::Expired));
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn checks_issuer_and_audience() {
    use JwtRefusal::Malformed;
    let plain: fn() -> Jwt<Claims> = hs256;
    let two_issuers: fn() -> Jwt<Claims> = || hs256().issuer("https://a").issuer("https://b");
    let audience: fn() -> Jwt<Claims> = || hs256().audience("api").audience("https://api");
    let any: fn() -> Jwt<Claims> = || hs256().dangerously_accept_any_audience();
    let cases: &[(&str, fn() -> Jwt<Claims>, Value, Result<(), JwtRefusal>)] = &[
        (
            "an issuer nobody asks for",
            plain,
            json!({ "iss": "https://c" }),
            Ok(()),
        ),
        (
            "the first issuer",
            two_issuers,
            json!({ "iss": "https://a" }),
            Ok(()),
        ),
        (
            "the second",
            two_issuers,
            json!({ "iss": "https://b" }),
            Ok(()),
        ),
        (
            "another",
            two_issuers,
            json!({ "iss": "https://c" }),
            Err(ISSUER),
        ),
        (
            "almost the first",
            two_issuers,
            json!({ "iss": "https://a/" }),
            Err(ISSUER),
        ),
        ("none", two_issuers, json!({}), Err(ISSUER)),
        (
            "a null issuer",
            two_issuers,
            json!({ "iss": null }),
            Err(ISSUER),
        ),
        (
            "an array of issuers",
            two_issuers,
            json!({ "iss": ["https://a"] }),
            Err(Malformed),
        ),
        ("one audience", audience, json!({ "aud": "api" }), Ok(())),
        (
            "an array of it",
            audience,
            json!({ "aud": ["api"] }),
            Ok(()),
        ),
        (
            "an array with it",
            audience,
            json!({ "aud": ["web", "https://api"] }),
            Ok(()),
        ),
        (
            "an array without it",
            audience,
            json!({ "aud": ["web", "API"] }),
            Err(AUDIENCE),
        ),
        (
            "an empty array",
            audience,
            json!({ "aud": [] }),
            Err(AUDIENCE),
        ),
        (
            "another audience",
            audience,
            json!({ "aud": "web" }),
            Err(AUDIENCE),
        ),
        ("no audience", audience, json!({}), Err(AUDIENCE)),
        (
            "a null audience",
            audience,
            json!({ "aud": null }),
            Err(AUDIENCE),
        ),
        ("a number", audience, json!({ "aud": 1 }), Err(Malformed)),
        (
            "an array of numbers",
            audience,
            json!({ "aud": ["api", 1] }),
            Err(Malformed),
        ),
        (
            "meant for somebody else",
            plain,
            json!({ "aud": "web" }),
            Err(AUDIENCE),
        ),
        ("for anybody, as said", any, json!({ "aud": "web" }), Ok(())),
        ("for nobody, as said", any, json!({}), Ok(())),
    ];
    for (name, jwt, claims, expected) in cases {
        let mut claims = claims.clone();
        claims["sub"] = json!("ann");
        claims["exp"] = json!(NOW + 60);
        assert_eq!(&verdict(jwt(), &token(&claims)).await, expected, "{name}");
    }
}

#[tokio::test]
async fn refuses_malformed_claims() {
    use JwtRefusal::Malformed;
    let claims = |message: &str| Err(JwtRefusal::Claims(message.to_owned()));
    let cases: &[(&str, &str, Result<(), JwtRefusal>)] = &[
        (
            "escapes",
            r#"{"s\u0075b":"ann","\u0065xp":1900000000}"#,
            Ok(()),
        ),
        (
            "exp twice",
            r#"{"sub":"ann","exp":1,"exp":1900000000}"#,
            Err(Malformed),
        ),
        (
            "exp twice, escaped",
            r#"{"sub":"ann","exp":1,"ex\u0070":1900000000}"#,
            Err(Malformed),
        ),
        (
            "aud twice",
            r#"{"sub":"ann","exp":1900000000,"aud":"a","aud":"b"}"#,
            Err(Malformed),
        ),
        (
            "sub twice",
            r#"{"sub":"ann","exp":1900000000,"sub":"bob"}"#,
            claims("duplicate field `sub` at line 1 column 35"),
        ),
        (
            "no sub",
            r#"{"exp":1900000000}"#,
            claims("missing field `sub` at line 1 column 18"),
        ),
        // serde's message would quote the claim.
        (
            "sub a number",
            r#"{"sub":1234567890123456,"exp":1900000000}"#,
            claims("`sub`: expected a string at line 1 column 23"),
        ),
        ("an array", r#"[null,null,1900000000,null]"#, Err(Malformed)),
        ("a number", "1900000000", Err(Malformed)),
        ("empty", "", Err(Malformed)),
        ("cut", r#"{"sub":"ann","exp":1900000000"#, Err(Malformed)),
        ("two", r#"{"sub":"ann","exp":1900000000}{}"#, Err(Malformed)),
        (
            "beyond all numbers",
            r#"{"sub":"ann","exp":1e999}"#,
            Err(Malformed),
        ),
    ];
    for (name, json, expected) in cases {
        let token = raw(r#"{"alg":"HS256"}"#, json);
        assert_eq!(&verdict(hs256(), &token).await, expected, "{name}");
    }
    let deep = format!(
        r#"{{"sub":"ann","exp":1900000000,"x":{}}}"#,
        "[".repeat(2_000)
    );
    assert_eq!(
        verdict(hs256(), &raw(r#"{"alg":"HS256"}"#, deep)).await,
        Err(Malformed),
        "deep"
    );
    let invalid = b"{\"sub\":\"ann\",\"exp\":1900000000,\"x\":\"\xff\"}";
    let token = raw(r#"{"alg":"HS256"}"#, invalid);
    assert_eq!(
        verdict(hs256(), &token).await,
        Err(Malformed),
        "invalid UTF-8"
    );
}
