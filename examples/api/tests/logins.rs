//! How long a login lasts, and what ends it.

mod support;

use std::time::Duration;

use http::Version;
use serde_json::json;
use support::{Api, answer::Jar};
use tokio::time::sleep;

const DAY: u64 = 24 * 60 * 60;

#[tokio::test]
async fn a_login_lasts_thirty_days_however_often_it_is_refreshed() {
    let (api, clock) = Api::with_test_clock().await;
    let jar = api.browser("ada@example.com").await;
    assert_eq!(jar.lasts, 30 * DAY);
    clock.advance(29 * DAY);
    let jar = api.refreshed(&jar).await;
    assert_eq!(jar.lasts, DAY);
    clock.advance(DAY - 1);
    let jar = api.refreshed(&jar).await;
    assert_eq!(jar.lasts, 1);
    clock.advance(1);
    api.refresh(&jar).await.has_ended();
    api.log_in("ada@example.com").await.is(200);
    api.refresh(&jar).await.has_ended();
}

#[tokio::test]
async fn logging_out_ends_the_login_with_an_old_token_too() {
    let api = Api::start(Version::HTTP_11);
    let here = api.browser("ada@example.com").await;
    let there = api.log_in("ada@example.com").await.is(200).jar();
    let newer = api.refreshed(&here).await;
    // Another tab of the same browser has just refreshed.
    let answer = api.post("/api/auth/logout").jar(&here).send().await.is(204);
    answer.takes_cookies_back();
    api.refresh(&newer).await.has_ended();
    // The access token remains valid until it expires, which is why that is soon.
    let protected = api.get("/api/protected").bearer(&newer.access);
    protected.send().await.is(200);
    api.refreshed(&there).await;
}

#[tokio::test]
async fn logging_in_again_ends_the_previous_login_of_this_browser() {
    let api = Api::start(Version::HTTP_11);
    let before = api.browser("ada@example.com").await;
    let account = json!({ "email": "ada@example.com", "password": "correct horse" });
    let wrong = json!({ "email": "ada@example.com", "password": "incorrect horse" });
    let log_in = |jar: &Jar, account| api.post("/api/auth/login").jar(jar).json(account).send();
    log_in(&before, &wrong).await.refused(401);
    let before = api.refreshed(&before).await;
    let jar = log_in(&before, &account).await.is(200).jar();
    api.refresh(&before).await.has_ended();
    api.refreshed(&jar).await;
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
        api.refresh(&jar).await.has_ended();
    }
    api.refreshed(&grace).await;
}

#[tokio::test]
async fn changing_the_password_ends_all_logins_and_starts_a_new_one() {
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
    api.refreshed(&there).await;

    let answer = change("correct horse", "battery staple").send().await;
    let new = answer.is(204).jar();
    for jar in [&here, &there] {
        api.refresh(jar).await.has_ended();
    }
    api.refreshed(&new).await;
    api.log_in("ada@example.com").await.refused(401);
    let account = json!({ "email": "ada@example.com", "password": "battery staple" });
    let login = api.post("/api/auth/login").json(&account);
    login.send().await.is(200);
}

#[tokio::test]
async fn wrong_passwords_are_also_counted_when_changing_a_password() {
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
async fn a_client_that_disconnects_does_not_use_up_the_guesses_of_its_account() {
    let api = Api::start(Version::HTTP_11);
    api.register("ada@example.com").await.is(201);
    let account = json!({ "email": "ada@example.com", "password": "correct horse" }).to_string();
    let login = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{account}",
        account.len()
    );
    for _ in 0..6 {
        let mut raw = api.raw().await;
        raw.write(login.as_bytes()).await.unwrap();
        // The password is being checked.
        sleep(Duration::from_millis(10)).await;
        drop(raw);
        sleep(Duration::from_millis(500)).await;
    }
    api.log_in("ada@example.com").await.is(200);
}

#[tokio::test]
async fn a_login_ends_with_its_account() {
    let api = Api::start(Version::HTTP_11);
    let jar = api.browser("ada@example.com").await;
    let delete = api.delete("/api/users/1").jar(&jar);
    delete.header("if-match", "*").send().await.is(204);
    api.refresh(&jar).await.has_ended();
}
