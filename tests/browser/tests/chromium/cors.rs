//! Which pages may read the responses.

use serde_json::json;

use crate::{
    bank::{API, APP, BLOG, EVIL, Settings},
    outcome, sign_in, start,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_page_can_read_every_response() {
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
    // (case, path, options, status, a field of the response that the page reads)
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
async fn a_page_that_is_not_allowed_can_read_nothing() {
    let Some((browser, bank)) = start(Settings::cookie_for_all_sites()).await else {
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
        // (options, what arrives at the API)
        let cases = [
            ("with cookies", &simple, "GET /account"),
            ("without", &anonymous, "GET /account"),
            // The handler does not run: the browser sent a preflight, and nothing else.
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
async fn a_public_response_is_readable_without_credentials_only() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    // (options, what a page of any site gets)
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
