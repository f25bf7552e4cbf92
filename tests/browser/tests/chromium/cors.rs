//! Who may read the answers, and who may send what is asked for first.

use std::time::Duration;

use serde_json::json;
use wythe_browser_tests::Browser;

use crate::{
    bank::{API, APP, BLOG, Bank, EVIL, Settings},
    outcome, sign_in, start,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_page_reads_every_answer() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    browser.open(&bank.page(APP)).await;
    let get = json!({"credentials": "include"});
    let omit = json!({"credentials": "omit"});
    let put = |body: &str| {
        let headers = json!({"content-type": "application/json"});
        json!({"method": "PUT", "credentials": "include", "headers": headers, "body": body})
    };
    // (what, path, how, status, a field that the page reads of the answer)
    let cases = [
        ("an answer", "/account", &get, 200, None),
        (
            "no credentials",
            "/account",
            &omit,
            401,
            Some("www-authenticate"),
        ),
        (
            "not enough scope",
            "/vault",
            &get,
            403,
            Some("www-authenticate"),
        ),
        ("no such route", "/nowhere", &get, 404, None),
        ("a wrong method", "/transfers", &get, 405, None),
        ("no JSON", "/account", &put("{"), 400, None),
        (
            "a name too short",
            "/account",
            &put(r#"{"name":"a"}"#),
            422,
            None,
        ),
        (
            "the first of an hour",
            "/limited",
            &get,
            200,
            Some("ratelimit"),
        ),
        (
            "the second of an hour",
            "/limited",
            &get,
            429,
            Some("retry-after"),
        ),
        (
            "the third of an hour",
            "/limited",
            &get,
            429,
            Some("ratelimit-policy"),
        ),
    ];
    for (name, path, init, status, field) in cases {
        let answer = browser.fetch(&bank.api(path), init.clone()).await;
        assert_eq!(
            outcome(&answer),
            format!("{status} cors"),
            "{name}: {answer:?}"
        );
        if status >= 400 {
            let kind = &answer.headers["content-type"];
            assert_eq!(kind, "application/problem+json", "{name}");
            assert_eq!(answer.json()["status"], status, "{name}: {answer:?}");
        }
        if let Some(field) = field {
            assert!(answer.headers.contains_key(field), "{name}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_allowed_reads_nothing() {
    let settings = Settings {
        same_site: "None",
        ..Settings::default()
    };
    let Some((browser, bank)) = start(settings).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    let simple = json!({"credentials": "include"});
    let anonymous = json!({"credentials": "omit"});
    let asked = json!({
        "method": "PUT",
        "credentials": "include",
        "headers": {"content-type": "application/json"},
        "body": r#"{"name":"eve"}"#,
    });
    for host in [EVIL, BLOG, API] {
        // (how, what arrives at the API)
        let cases = [
            ("with cookies", &simple, "GET /account"),
            ("without", &anonymous, "GET /account"),
            // The handler does not run: the browser has asked, and that was all.
            ("asked first", &asked, "OPTIONS /account"),
        ];
        for (name, init, arrived) in cases {
            browser.open(&bank.page(host)).await;
            bank.log.clear();
            let answer = browser.fetch(&bank.api("/account"), init.clone()).await;
            assert!(answer.is_withheld(), "{host}, {name}: {answer:?}");
            assert_eq!(bank.log.lines(), [arrived], "{host}, {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_page_sends_only_what_is_allowed() {
    // Each is asked for anew.
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
    // (what, how, what the page gets, whether it was sent)
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
async fn one_preflight_serves_until_its_age_is_over() {
    // (how old it may become, what arrives for two requests)
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

#[tokio::test(flavor = "multi_thread")]
async fn what_everyone_may_read_is_read_without_credentials_only() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    // (how, what a page of any site gets)
    let put = json!({"method": "PUT", "credentials": "omit"});
    let cases = [
        (
            "without credentials",
            json!({"credentials": "omit"}),
            "200 cors",
        ),
        ("as fetch does it by itself", json!({}), "200 cors"),
        (
            "with credentials",
            json!({"credentials": "include"}),
            "TypeError",
        ),
        ("another method", put, "200 cors"),
    ];
    for host in [APP, EVIL] {
        browser.open(&bank.page(host)).await;
        for (name, init, expected) in &cases {
            let answer = browser.fetch(&bank.open_to_all(), init.clone()).await;
            assert_eq!(outcome(&answer), *expected, "{host}, {name}");
        }
    }
}
