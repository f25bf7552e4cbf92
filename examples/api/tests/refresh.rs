//! Which refresh tokens are valid, how often, and what a second use does.

mod support;

use std::time::Instant;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Version;
use serde_json::json;
use support::{Api, answer::Jar, database::File};

/// For this many seconds, a replaced token is taken to come from a second tab.
const GRACE: u64 = 10;

#[tokio::test]
async fn an_access_token_that_has_expired_is_refreshed() {
    let (api, clock) = Api::with_test_clock().await;
    let jar = api.browser("ada@example.com").await;
    let protected = |jar: &Jar| api.get("/api/protected").jar(jar).send();
    protected(&jar).await.is(200);

    clock.advance(15 * 60);
    let answer = protected(&jar).await;
    let challenge = answer.field("www-authenticate");
    assert!(challenge.contains("invalid_token"), "{challenge}");
    answer.refused(401);

    let jar = api.refreshed(&jar).await;
    protected(&jar).await.is(200);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_reuse_ends_the_login() {
    let (api, clock) = Api::with_test_clock().await;
    let stolen = api.browser("ada@example.com").await;
    let elsewhere = api.log_in("ada@example.com").await.is(200).jar();
    let first = api.refreshed(&stolen).await;
    let second = api.refreshed(&first).await;
    assert_ne!(first.refresh, stolen.refresh);
    assert_ne!(second.refresh, first.refresh);

    // From two refreshes ago: no tab is that late.
    api.refresh(&stolen).await.has_ended();
    // Nobody knows who the thief is, so the newest token is worthless too.
    api.refresh(&second).await.has_ended();

    // The same some time after one refresh; other logins are not affected.
    let newer = api.refreshed(&elsewhere).await;
    clock.advance(GRACE);
    api.refresh(&elsewhere).await.has_ended();
    api.refresh(&newer).await.has_ended();
    api.log_in("ada@example.com").await.is(200);
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_make_an_old_token_that_of_another_tab() {
    let (api, clock) = Api::with_test_clock().await;
    let stolen = api.browser("ada@example.com").await;
    let day = 24 * 60 * 60;
    clock.advance(day);
    let newer = api.refreshed(&stolen).await;
    clock.set_back(day);
    api.refresh(&stolen).await.has_ended();
    api.refresh(&newer).await.has_ended();
}

#[tokio::test]
async fn if_two_tabs_refresh_at_once_the_second_gets_nothing_and_loses_nothing() {
    let (api, clock) = Api::with_test_clock().await;
    let jar = api.browser("ada@example.com").await;
    let newer = api.refreshed(&jar).await;
    clock.advance(GRACE - 1);
    let late = api.refresh(&jar).await;
    // The browser has the cookies of the first by now, and must keep them.
    assert!(!late.headers.contains_key("set-cookie"), "{late:?}");
    late.refused(409);
    api.refreshed(&newer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_of_many_concurrent_refreshes_succeeds() {
    let file = File::new();
    let in_a_file = Api::start_with(&[("DATABASE_URL", file.path())]);
    for api in [in_a_file, Api::start(Version::HTTP_2)] {
        let mut jar = api.browser("ada@example.com").await;
        for _ in 0..3 {
            let calls: Vec<_> = (0..8)
                .map(|_| tokio::spawn(api.post("/api/auth/refresh").jar(&jar).send()))
                .collect();
            let mut newer = Vec::new();
            for call in calls {
                let answer = call.await.unwrap();
                if answer.status == 204 {
                    newer.push(answer.jar());
                } else {
                    answer.refused(409);
                }
            }
            assert_eq!(newer.len(), 1);
            jar = newer.remove(0);
        }
    }
}

#[tokio::test]
async fn rejects_invalid_refresh_tokens() {
    let api = Api::start(Version::HTTP_11);
    let jar = api.browser("ada@example.com").await;
    let token = &jar.refresh;
    let changed = format!("{}{}", &token[1..], &token[..1]);
    let cases = [
        ("none", "theme=dark".to_owned()),
        ("empty", "refresh=".to_owned()),
        ("cut", format!("refresh={}", &token[1..])),
        ("changed", format!("refresh={changed}")),
        ("long", format!("refresh={}", token.repeat(1_000))),
        ("an access token", format!("refresh={}", jar.access)),
        ("in the other cookie", format!("token={token}")),
        ("twice", format!("refresh={token}; refresh={token}")),
    ];
    for (name, cookie) in cases {
        println!("{name}");
        let answer = api.post("/api/auth/refresh").header("cookie", cookie);
        answer.send().await.has_ended();
    }
    // Nor does it grant access to a route.
    let protected = api.get("/api/protected").bearer(token);
    protected.send().await.refused(401);
    api.refreshed(&jar).await;
}

#[tokio::test]
async fn allows_thirty_refreshes_a_minute() {
    let api = Api::start(Version::HTTP_11);
    let begun = Instant::now();
    let mut allowed = 0;
    let answer = loop {
        let answer = api.post("/api/auth/refresh").send().await;
        if answer.status == 429 {
            break answer;
        }
        answer.has_ended();
        allowed += 1;
    };
    // One more is allowed every two seconds.
    let latest = 30 + begun.elapsed().as_secs() / 2;
    assert!((30..=latest).contains(&allowed), "{allowed}");
    assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
    let problem = answer.refused(429);
    assert_eq!(problem["violated-policies"], json!(["refresh"]));
}

#[tokio::test]
async fn the_limits_can_be_raised() {
    let api = Api::start_with(&[("RATE_LIMIT_FACTOR", "2")]);
    for _ in 0..60 {
        api.post("/api/auth/refresh").send().await.has_ended();
    }
    api.post("/api/auth/refresh").send().await.refused(429);
}

#[tokio::test]
async fn the_database_stores_no_token() {
    let file = File::new();
    let api = Api::start_with(&[("DATABASE_URL", file.path())]);
    let jar = api.browser("ada@example.com").await;
    let newer = api.refreshed(&jar).await;
    let stored = file.bytes();
    let holds = |bytes: &[u8]| stored.windows(bytes.len()).any(|part| part == bytes);
    assert!(holds(b"ada@example.com"));
    for jar in [jar, newer] {
        let raw = URL_SAFE_NO_PAD.decode(&jar.refresh).unwrap();
        assert!(!holds(&raw[..16]) && !holds(&raw[16..]));
        assert!(!holds(jar.refresh.as_bytes()) && !holds(jar.access.as_bytes()));
    }
}
