//! What may be asked of tokens besides: a type, claims, an age, checks of the caller's own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use serde_json::{Value, json};
use wythe::{Jwt, auth::JwtRefusal};

use super::{Claims, NOW, answer, good, hs256, raw, reason, token, verdict};

#[tokio::test]
async fn refuses_the_types_of_other_tokens_by_default() {
    // Of the registry of media types, and of OpenID Connect.
    let others = [
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "application/dpop+jwt",
        "DPoP+JWT",
        "JWS",
        "",
    ];
    for typ in others {
        let token = raw(
            json!({ "alg": "HS256", "typ": typ }).to_string(),
            good().to_string(),
        );
        let refused = verdict(hs256(), &token).await;
        assert_eq!(refused, Err(JwtRefusal::Type), "{typ}");
        let asked = hs256().token_type(typ);
        assert_eq!(verdict(asked, &token).await, Ok(()), "{typ}");
    }
    for typ in ["JWT", "jwt", "at+jwt", "AT+jwt", "application/at+jwt"] {
        let token = raw(
            json!({ "alg": "HS256", "typ": typ }).to_string(),
            good().to_string(),
        );
        assert_eq!(verdict(hs256(), &token).await, Ok(()), "{typ}");
    }
}

#[tokio::test]
async fn accepts_any_of_the_configured_types() {
    let jwt = || hs256().token_type("at+jwt").token_type("access");
    for (typ, expected) in [
        ("at+jwt", Ok(())),
        ("access", Ok(())),
        ("JWT", Err(JwtRefusal::Type)),
    ] {
        let token = raw(
            json!({ "alg": "HS256", "typ": typ }).to_string(),
            good().to_string(),
        );
        assert_eq!(verdict(jwt(), &token).await, expected, "{typ}");
    }
}

#[tokio::test]
async fn requires_claims_to_be_present_and_not_null() {
    let jwt = || {
        hs256()
            .required_claims(["jti", "scope"])
            .required_claims(["exp"])
    };
    let missing = |name: &str| Err(JwtRefusal::MissingClaim(name.to_owned()));
    let cases = [
        ("both", r#""jti":"1","scope":"""#, Ok(())),
        ("of any type", r#""jti":[],"scope":false"#, Ok(())),
        ("escaped", r#""\u006ati":1,"scope":0"#, Ok(())),
        ("none", r#""x":1"#, missing("jti")),
        ("one", r#""jti":"1""#, missing("scope")),
        ("one null", r#""jti":"1","scope":null"#, missing("scope")),
        ("another case", r#""Jti":"1","scope":1"#, missing("jti")),
        ("within", r#""x":{"jti":1},"scope":1"#, missing("jti")),
        (
            "twice",
            r#""jti":"1","jti":"2","scope":1"#,
            Err(JwtRefusal::Malformed),
        ),
        (
            "null and then not",
            r#""jti":null,"scope":1,"jti":1"#,
            Err(JwtRefusal::Malformed),
        ),
    ];
    for (name, claims, expected) in cases {
        let claims = format!(r#"{{"sub":"ann",{claims},"exp":{}}}"#, NOW + 60);
        let token = raw(r#"{"alg":"HS256"}"#, claims);
        assert_eq!(verdict(jwt(), &token).await, expected, "{name}");
    }
    // What is missing is told before what the handler's type says of it.
    let without = token(&json!({ "exp": NOW + 60 }));
    let jwt = hs256().required_claims(["sub"]);
    assert_eq!(verdict(jwt, &without).await, missing("sub"));
}

#[tokio::test]
async fn limits_the_age_of_tokens() {
    use JwtRefusal::{Malformed, MissingClaim, NotYetValid, TooOld};
    let no_iat = || Err(MissingClaim("iat".to_owned()));
    let cases = [
        ("new", 0, json!(NOW), Ok(())),
        ("a second left", 0, json!(NOW - 59), Ok(())),
        ("half a second left", 0, json!(1_799_999_940.5), Ok(())),
        ("at the age", 0, json!(NOW - 60), Err(TooOld)),
        ("within the leeway", 5, json!(NOW - 64), Ok(())),
        ("at its end", 5, json!(NOW - 65), Err(TooOld)),
        ("the oldest", 0, json!(i64::MIN), Err(TooOld)),
        ("from the future", 0, json!(NOW + 1), Err(NotYetValid)),
        ("within the leeway to come", 5, json!(NOW + 5), Ok(())),
        ("beyond it", 5, json!(NOW + 6), Err(NotYetValid)),
        ("the newest", 0, json!(u64::MAX), Err(NotYetValid)),
        ("null", 0, Value::Null, no_iat()),
        ("a text", 0, json!("1800000000"), Err(Malformed)),
    ];
    for (name, leeway, iat, expected) in cases {
        let jwt = hs256()
            .max_age(Duration::from_secs(60))
            .unwrap()
            .leeway(Duration::from_secs(leeway));
        let token = token(&json!({ "sub": "ann", "exp": NOW + 3_600, "iat": iat }));
        assert_eq!(verdict(jwt, &token).await, expected, "{name}");
        // Nobody else looks at it.
        assert_eq!(verdict(hs256(), &token).await, Ok(()), "{name}");
    }
    let jwt = hs256().max_age(Duration::from_secs(60)).unwrap();
    assert_eq!(verdict(jwt.clone(), &token(&good())).await, no_iat());
    let twice = format!(r#"{{"sub":"ann","exp":{0},"iat":{NOW},"iat":1}}"#, NOW + 60);
    let twice = raw(r#"{"alg":"HS256"}"#, twice);
    assert_eq!(verdict(jwt, &twice).await, Err(Malformed));
    let forever = hs256().max_age(Duration::MAX).unwrap();
    let old = token(&json!({ "sub": "ann", "exp": NOW + 60, "iat": 0 }));
    assert_eq!(verdict(forever, &old).await, Ok(()));
}

#[tokio::test]
async fn a_token_that_passed_becomes_too_old() {
    let now = Arc::new(AtomicU64::new(NOW));
    let shown = Arc::clone(&now);
    let jwt = hs256()
        .max_age(Duration::from_secs(60))
        .unwrap()
        .clock(move || UNIX_EPOCH + Duration::from_secs(shown.load(Ordering::Relaxed)));
    let token = token(&json!({ "sub": "ann", "exp": NOW + 3_600, "iat": NOW }));
    for (seconds, expected) in [
        (0, Ok(())),
        (59, Ok(())),
        (60, Err(JwtRefusal::TooOld)),
        (3_600, Err(JwtRefusal::Expired)),
    ] {
        now.store(NOW + seconds, Ordering::Relaxed);
        let verdict = verdict(jwt.clone(), &token).await;
        assert_eq!(verdict, expected, "after {seconds} s");
    }
}

#[tokio::test]
async fn runs_checks_for_each_request() {
    let revoked = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&revoked);
    let jwt: Jwt<Claims> = hs256()
        .check(|claims: &Claims| {
            if claims.sub == "ann" {
                Ok(())
            } else {
                Err(format!("{} letters, not Ann", claims.sub.len()))
            }
        })
        .check(move |_| {
            if asked.load(Ordering::Relaxed) {
                Err("revoked")
            } else {
                Ok(())
            }
        });
    let said = |words: &str| Err(JwtRefusal::Check(words.to_owned()));
    let token_of = |sub: &str| token(&json!({ "sub": sub, "exp": NOW + 60 }));
    let ann = token_of("ann");
    assert_eq!(verdict(jwt.clone(), &ann).await, Ok(()));
    let bob = verdict(jwt.clone(), &token_of("bob")).await;
    assert_eq!(bob, said("3 letters, not Ann"));
    // The same token, later.
    revoked.store(true, Ordering::Relaxed);
    assert_eq!(verdict(jwt.clone(), &ann).await, said("revoked"));
    let bob = verdict(jwt, &token_of("bob")).await;
    assert_eq!(bob, said("3 letters, not Ann"), "the first that fails");
}

#[tokio::test]
async fn runs_checks_only_for_valid_tokens() {
    let jwt =
        || hs256().check(|_: &Claims| -> Result<(), &str> { panic!("asked about a wrong token") });
    let expired = token(&json!({ "sub": "ann", "exp": NOW }));
    assert_eq!(verdict(jwt(), &expired).await, Err(JwtRefusal::Expired));
    let forged = format!("{}A", token(&good()));
    assert!(verdict(jwt(), &forged).await.is_err());
}

#[tokio::test]
async fn tells_the_log_why_and_the_client_only_that_it_is_invalid() {
    let jwt = || {
        hs256::<Claims>()
            .required_claims(["scope"])
            .check(|_| Err("the tenant was closed"))
    };
    let with_scope = token(&json!({ "sub": "ann", "exp": NOW + 60, "scope": "" }));
    for (token, words) in [
        (token(&good()), "the token lacks the claim `scope`"),
        (with_scope, "a check failed: the tenant was closed"),
    ] {
        let bearer = format!("Bearer {token}");
        let response = answer(jwt(), &[("authorization", &bearer)]).await;
        assert_eq!(reason(&response).to_string(), words);
        let body = String::from_utf8_lossy(response.body());
        assert!(body.contains("The access token is invalid"), "{body}");
        assert!(
            !body.contains("scope") && !body.contains("tenant"),
            "{body}"
        );
        let challenge = r#"Bearer realm="api", error="invalid_token", error_description="The access token is invalid""#;
        assert_eq!(response.headers()["www-authenticate"], challenge);
    }
}
