//! How long a login lasts: its refresh tokens, and what ends it.

mod support;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use example_api::Config;
use http::Version;
use serde_json::json;
use support::{
    Api,
    answer::{Answer, Jar},
    clock::Hands,
    config,
    database::File,
};

const DAY: u64 = 24 * 60 * 60;
/// For so long, a token that was replaced is taken for that of a second tab.
const GRACE: u64 = 10;

/// An API whose time goes when it is told to.
async fn with_clock() -> (Api, Hands) {
    let hands = Hands::new();
    let config = Config {
        clock: hands.clock(),
        ..config()
    };
    (Api::run(config, Vec::new()).await, hands)
}

/// Refreshes, and returns the new cookies.
async fn refreshed(api: &Api, jar: &Jar) -> Jar {
    let answer = api.refresh(jar).await.is(204);
    assert_eq!(answer.field("cache-control"), "no-store");
    answer.jar()
}

/// Checks that a login has ended, and that its cookies are taken back.
#[track_caller]
fn has_ended(answer: Answer) {
    answer.takes_cookies_back();
    assert_eq!(answer.field("www-authenticate"), r#"Bearer realm="api""#);
    let problem = answer.refused(401);
    assert_eq!(problem["detail"], "This login has ended: log in again.");
}

#[tokio::test]
async fn an_access_token_that_has_expired_is_refreshed() {
    let (api, hands) = with_clock().await;
    let jar = api.browser("ada@example.com").await;
    let protected = |jar: &Jar| api.get("/api/protected").jar(jar).send();
    protected(&jar).await.is(200);

    hands.go(15 * 60);
    let answer = protected(&jar).await;
    let challenge = answer.field("www-authenticate");
    assert!(challenge.contains("invalid_token"), "{challenge}");
    answer.refused(401);

    let jar = refreshed(&api, &jar).await;
    protected(&jar).await.is(200);
}

#[tokio::test]
async fn a_refresh_token_counts_once_and_a_copy_of_it_ends_the_login() {
    let (api, hands) = with_clock().await;
    let stolen = api.browser("ada@example.com").await;
    let elsewhere = api.log_in("ada@example.com").await.is(200).jar();
    let first = refreshed(&api, &stolen).await;
    let second = refreshed(&api, &first).await;
    assert_ne!(first.refresh, stolen.refresh);
    assert_ne!(second.refresh, first.refresh);

    // Of two refreshes ago: no tab is so late.
    has_ended(api.refresh(&stolen).await);
    // Nobody knows who is the thief, so the newest token is worth nothing either.
    has_ended(api.refresh(&second).await);

    // The same a while after one refresh; other logins are not concerned.
    let newer = refreshed(&api, &elsewhere).await;
    hands.go(GRACE);
    has_ended(api.refresh(&elsewhere).await);
    has_ended(api.refresh(&newer).await);
    api.log_in("ada@example.com").await.is(200);
}

#[tokio::test]
async fn of_two_tabs_that_refresh_at_once_the_second_is_given_nothing_and_loses_nothing() {
    let (api, hands) = with_clock().await;
    let jar = api.browser("ada@example.com").await;
    let newer = refreshed(&api, &jar).await;
    hands.go(GRACE - 1);
    let late = api.refresh(&jar).await;
    // The cookies of the first are in the browser by now, and have to stay there.
    assert!(!late.headers.contains_key("set-cookie"), "{late:?}");
    late.refused(409);
    refreshed(&api, &newer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_refreshes_at_once_exactly_one_succeeds() {
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
async fn a_login_lasts_thirty_days_however_often_it_is_refreshed() {
    let (api, hands) = with_clock().await;
    let jar = api.browser("ada@example.com").await;
    assert_eq!(jar.lasts, 30 * DAY);
    hands.go(29 * DAY);
    let jar = refreshed(&api, &jar).await;
    assert_eq!(jar.lasts, DAY);
    hands.go(DAY - 1);
    let jar = refreshed(&api, &jar).await;
    assert_eq!(jar.lasts, 1);
    hands.go(1);
    has_ended(api.refresh(&jar).await);
    api.log_in("ada@example.com").await.is(200);
    has_ended(api.refresh(&jar).await);
}

#[tokio::test]
async fn logging_out_ends_the_login_with_an_old_token_too() {
    let api = Api::start(Version::HTTP_11);
    let here = api.browser("ada@example.com").await;
    let there = api.log_in("ada@example.com").await.is(200).jar();
    let newer = refreshed(&api, &here).await;
    // Another tab of it has refreshed just now.
    let answer = api.post("/api/auth/logout").jar(&here).send().await.is(204);
    answer.takes_cookies_back();
    has_ended(api.refresh(&newer).await);
    // The access token counts until it expires; that is why it does so soon.
    let protected = api.get("/api/protected").bearer(&newer.access);
    protected.send().await.is(200);
    refreshed(&api, &there).await;
}

#[tokio::test]
async fn logging_in_again_ends_the_login_of_this_browser_before() {
    let api = Api::start(Version::HTTP_11);
    let before = api.browser("ada@example.com").await;
    let account = json!({ "email": "ada@example.com", "password": "correct horse" });
    let wrong = json!({ "email": "ada@example.com", "password": "incorrect horse" });
    let log_in = |jar: &Jar, account| api.post("/api/auth/login").jar(jar).json(account).send();
    log_in(&before, &wrong).await.refused(401);
    let before = refreshed(&api, &before).await;
    let jar = log_in(&before, &account).await.is(200).jar();
    has_ended(api.refresh(&before).await);
    refreshed(&api, &jar).await;
}

#[tokio::test]
async fn logging_out_everywhere_ends_all_logins_of_the_account() {
    let api = Api::start(Version::HTTP_11);
    let here = api.browser("ada@example.com").await;
    let there = api.log_in("ada@example.com").await.is(200).jar();
    let grace = api.browser("grace@example.com").await;
    let everywhere = || api.post("/api/auth/logout-everywhere");
    everywhere().send().await.refused(401);
    let answer = everywhere().jar(&here).send().await.is(204);
    answer.takes_cookies_back();
    for jar in [here, there] {
        has_ended(api.refresh(&jar).await);
    }
    refreshed(&api, &grace).await;
}

#[tokio::test]
async fn a_new_password_ends_all_logins_but_a_new_one() {
    let api = Api::start(Version::HTTP_11);
    let here = api.browser("ada@example.com").await;
    let there = api.log_in("ada@example.com").await.is(200).jar();
    let change = |current: &str, new: &str| {
        let passwords = json!({ "current": current, "new": new });
        api.post("/api/auth/password").jar(&here).json(&passwords)
    };
    let wrong = change("incorrect horse", "battery staple").send().await;
    wrong.refused(403);
    change("correct horse", "short").send().await.refused(422);
    refreshed(&api, &there).await;

    let answer = change("correct horse", "battery staple").send().await;
    let new = answer.is(204).jar();
    for jar in [&here, &there] {
        has_ended(api.refresh(jar).await);
    }
    refreshed(&api, &new).await;
    api.log_in("ada@example.com").await.refused(401);
    let account = json!({ "email": "ada@example.com", "password": "battery staple" });
    let login = api.post("/api/auth/login").json(&account);
    login.send().await.is(200);
}

#[tokio::test]
async fn wrong_passwords_are_counted_where_a_password_is_changed_too() {
    let api = Api::start(Version::HTTP_11);
    let jar = api.browser("ada@example.com").await;
    let guess = || {
        let passwords = json!({ "current": "incorrect horse", "new": "battery staple" });
        api.post("/api/auth/password").jar(&jar).json(&passwords)
    };
    for _ in 0..5 {
        guess().send().await.refused(403);
    }
    let problem = guess().send().await.refused(429);
    assert_eq!(problem["violated-policies"], json!(["guesses"]));
}

#[tokio::test]
async fn a_login_ends_with_its_account() {
    let api = Api::start(Version::HTTP_11);
    let jar = api.browser("ada@example.com").await;
    let delete = api.delete("/api/users/1").jar(&jar);
    delete.send().await.is(204);
    has_ended(api.refresh(&jar).await);
}

#[tokio::test]
async fn what_is_no_refresh_token_gets_nothing() {
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
        has_ended(answer.send().await);
    }
    // Nor does it open a route.
    let protected = api.get("/api/protected").bearer(token);
    protected.send().await.refused(401);
    refreshed(&api, &jar).await;
}

#[tokio::test]
async fn thirty_refreshes_are_made_in_a_minute() {
    let api = Api::start(Version::HTTP_11);
    for _ in 0..30 {
        has_ended(api.post("/api/auth/refresh").send().await);
    }
    let answer = api.post("/api/auth/refresh").send().await;
    assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
    let problem = answer.refused(429);
    assert_eq!(problem["violated-policies"], json!(["refresh"]));
}

#[tokio::test]
async fn the_database_holds_no_token() {
    let file = File::new();
    let api = Api::start_with(&[("DATABASE_URL", file.path())]);
    let jar = api.browser("ada@example.com").await;
    let newer = refreshed(&api, &jar).await;
    let stored = file.bytes();
    let holds = |bytes: &[u8]| stored.windows(bytes.len()).any(|part| part == bytes);
    assert!(holds(b"ada@example.com"));
    for jar in [jar, newer] {
        let raw = URL_SAFE_NO_PAD.decode(&jar.refresh).unwrap();
        assert!(!holds(&raw[..16]) && !holds(&raw[16..]));
        assert!(!holds(jar.refresh.as_bytes()) && !holds(jar.access.as_bytes()));
    }
}
