//! Which tokens are valid, and what a login reveals.

mod support;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::Version;
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, crypto::aws_lc::DEFAULT_PROVIDER, dangerous::insecure_decode,
    encode,
};
use serde_json::{Value, json};
use support::{Api, SECRET};

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

fn sign(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    // With two providers to choose from, as in a build of the whole workspace, it would panic.
    let _ = DEFAULT_PROVIDER.install_default();
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(algorithm), claims, &key).unwrap()
}

/// The claims of a valid token, if user 1 is `ada@example.com`.
fn claims() -> Value {
    json!({
        "sub": "1", "email": "ada@example.com", "iss": "example-api", "aud": "example-api",
        "iat": now(), "exp": now() + 60,
    })
}

#[tokio::test]
async fn a_token_is_valid_for_15_minutes_and_identifies_the_user() {
    let api = Api::start(Version::HTTP_11);
    let token = api.token("ada@example.com").await;
    let claims = insecure_decode::<Value>(&token).unwrap().claims;
    assert_eq!(claims["sub"], "1");
    assert_eq!(claims["email"], "ada@example.com");
    let (from, until) = (claims["iat"].as_u64(), claims["exp"].as_u64());
    assert_eq!(until.unwrap() - from.unwrap(), 15 * 60);
    assert!(claims.get("scope").is_none(), "{claims}");
}

#[tokio::test]
async fn only_tokens_of_this_api_are_valid() {
    let api = Api::start(Version::HTTP_11);
    api.register("ada@example.com").await.is(201);
    let protected = |token: String| api.get("/api/protected").bearer(&token).send();
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        sign(Algorithm::HS256, SECRET, &claims)
    };
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        sign(Algorithm::HS256, SECRET, &claims)
    };
    let right = sign(Algorithm::HS256, SECRET, &claims());
    protected(right.clone()).await.is(200);

    let other = "another secret, which is also long enough";
    let (head, rest) = right.split_once('.').unwrap();
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", rest.split_once('.').unwrap().0);
    let cases = [
        ("another secret", sign(Algorithm::HS256, other, &claims())),
        (
            "another algorithm",
            sign(Algorithm::HS384, SECRET, &claims()),
        ),
        ("expired", with("exp", json!(now() - 1))),
        ("without an expiry", without("exp")),
        (
            "another issuer",
            with("iss", json!("https://id.example.com")),
        ),
        ("without an issuer", without("iss")),
        ("another audience", with("aud", json!("shop"))),
        ("without an audience", without("aud")),
        ("not yet", with("nbf", json!(now() + 60))),
        ("no user", with("sub", json!("99"))),
        ("a user that is not a number", with("sub", json!("ada"))),
        ("a user that is a number", with("sub", json!(1))),
        ("unsigned", unsigned),
        ("cut", right[..right.len() - 1].to_owned()),
        (
            "without a signature",
            format!("{head}.{}", rest.split_once('.').unwrap().0),
        ),
        ("no token", "let-me-in".to_owned()),
        ("long", "a".repeat(20_000)),
    ];
    for (name, token) in cases {
        println!("{name}");
        let answer = protected(token).await;
        let challenge = answer.field("www-authenticate");
        assert!(
            challenge.contains(r#"error="invalid_token""#),
            "{challenge}"
        );
        answer.refused(401);
    }
}

#[tokio::test]
async fn the_time_of_a_refusal_does_not_reveal_who_has_an_account() {
    let api = Api::start(Version::HTTP_11);
    api.register("ada@example.com").await.is(201);
    let time = async |email: &str| {
        let wrong = json!({ "email": email, "password": "incorrect horse" });
        let before = Instant::now();
        let answer = api.post("/api/auth/login").json(&wrong).send().await;
        let time = before.elapsed();
        answer.refused(401);
        time
    };
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..5 {
        known = known.min(time("ada@example.com").await);
        unknown = unknown.min(time("grace@example.com").await);
    }
    // Without verifying a hash, it would be a tenth.
    let ratio = unknown.as_secs_f64() / known.as_secs_f64();
    assert!((0.4..2.5).contains(&ratio), "{unknown:?} for {known:?}");
}

#[tokio::test]
async fn the_sixth_wrong_password_for_an_account_is_not_checked() {
    let api = Api::start(Version::HTTP_11);
    api.register("ada@example.com").await.is(201);
    api.register("grace@example.com").await.is(201);
    let guess = async |email: &str| {
        let wrong = json!({ "email": email, "password": "incorrect horse" });
        api.post("/api/auth/login").json(&wrong).send().await
    };
    for _ in 0..2 {
        guess("ada@example.com").await.refused(401);
    }
    // The correct password resets the count.
    api.log_in("ada@example.com").await.is(200);
    for email in ["ada@example.com", "ADA@example.com"]
        .iter()
        .cycle()
        .take(5)
    {
        guess(email).await.refused(401);
    }
    let answer = api.log_in("ada@example.com").await;
    let seconds: u32 = answer.field("retry-after").parse().unwrap();
    assert!((170..=180).contains(&seconds), "{seconds}");
    let problem = answer.refused(429);
    assert_eq!(problem["violated-policies"], json!(["guesses"]));
    // Other accounts are not affected.
    api.log_in("grace@example.com").await.is(200);
}
