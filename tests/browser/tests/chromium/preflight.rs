//! What a browser asks first, and how long it caches the answer.

use std::time::Duration;

use serde_json::json;
use wythe_browser_tests::Browser;

use crate::{
    bank::{APP, Bank, Settings},
    outcome, sign_in, start,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_page_sends_only_what_is_allowed() {
    // A preflight for each request.
    let settings = Settings {
        preflight_age: Duration::ZERO,
        ..Settings::default()
    };
    let Some((browser, bank)) = start(settings).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    let with = |method: &str, field: &str| {
        json!({"method": method, "credentials": "include", "headers": {field: "application/json"},
               "body": if method == "GET" { json!(null) } else { json!(r#"{"name":"bob"}"#) }})
    };
    // (case, options, what the page gets, whether it was sent)
    let cases = [
        (
            "a method and type",
            with("PUT", "content-type"),
            "200 cors",
            true,
        ),
        ("a field", with("GET", "x-note"), "200 cors", true),
        ("another field", with("GET", "x-other"), "TypeError", false),
        (
            "another method",
            with("DELETE", "content-type"),
            "TypeError",
            false,
        ),
    ];
    for (name, init, expected, sent) in cases {
        browser.open(&bank.page(APP)).await;
        bank.log.clear();
        let answer = browser.fetch(&bank.api("/account"), init).await;
        assert_eq!(outcome(&answer), expected, "{name}: {answer:?}");
        let lines = bank.log.lines();
        assert_eq!(lines[0], "OPTIONS /account", "{name}");
        assert_eq!(lines.len(), if sent { 2 } else { 1 }, "{name}: {lines:?}");
        // A preflight has no credentials.
        assert!(bank.log.all()[0].cookies.is_empty(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_response_is_cached_for_its_max_age() {
    // (how long it is cached, what arrives for two requests)
    let cases = [
        (
            600,
            &["OPTIONS /account", "PUT /account", "PUT /account"][..],
        ),
        (
            0,
            &[
                "OPTIONS /account",
                "PUT /account",
                "OPTIONS /account",
                "PUT /account",
            ],
        ),
    ];
    let Some(browser) = Browser::start().await else {
        return;
    };
    for (seconds, expected) in cases {
        let bank = Bank::open(Settings {
            preflight_age: Duration::from_secs(seconds),
            ..Settings::default()
        });
        let bank = bank.await;
        sign_in(&browser, &bank).await;
        browser.open(&bank.page(APP)).await;
        bank.log.clear();
        for name in ["bob", "carl"] {
            let init = json!({
                "method": "PUT",
                "credentials": "include",
                "headers": {"content-type": "application/json"},
                "body": json!({"name": name}).to_string(),
            });
            let answer = browser.fetch(&bank.api("/account"), init).await;
            assert_eq!(answer.json()["name"], name, "{seconds} s: {answer:?}");
        }
        assert_eq!(bank.log.lines(), expected, "{seconds} s");
    }
}
