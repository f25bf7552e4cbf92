//! Signing in and out through a page of another origin.

use serde_json::{Value, json};

use crate::{
    bank::{API, APP, Settings},
    outcome,
    scheme::COOKIE,
    sign_in, start,
};

#[tokio::test(flavor = "multi_thread")]
async fn signs_in_through_a_page_of_another_origin() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    browser.open(&format!("{}/sign-in", bank.page(APP))).await;
    browser.write("input", "ann").await;
    browser.click("button").await;
    let script = "return document.querySelector('output').value || null";
    let status: String = browser.wait_for("an answer", script).await;
    assert_eq!(status, "204", "what the page got");
    assert_eq!(bank.log.lines(), ["OPTIONS /sign-in", "POST /sign-in"]);

    let cookies = browser.cookies().await;
    let [cookie] = &cookies[..] else {
        panic!("one cookie is expected: {cookies:?}");
    };
    assert_eq!(cookie.name, COOKIE);
    // Without a leading dot: for this host only, not for its subdomains.
    assert_eq!((&*cookie.domain, &*cookie.path), (API, "/"));
    assert!(cookie.http_only && cookie.secure, "{cookie:?}");
    assert_eq!(cookie.same_site.as_deref(), Some("Strict"), "{cookie:?}");

    let init = json!({"credentials": "include"});
    let answer = browser.fetch(&bank.api("/account"), init).await;
    assert_eq!(answer.json(), json!({"name": "ann", "balance": 1_000}));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_script_sees_the_cookie() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    // Cookies that scripts may see are seen, on the API's host and on its other port.
    let init = json!({"method": "POST", "body": "seen=1; Path=/"});
    browser.fetch(&bank.api("/set-cookie"), init).await;
    for page in [bank.api("/"), bank.page(API)] {
        browser.open(&page).await;
        let seen: String = browser.run("return document.cookie", json!([])).await;
        assert_eq!(seen, "seen=1", "on {page}");
    }
    browser.open(&bank.page(APP)).await;
    let seen: String = browser.run("return document.cookie", json!([])).await;
    assert_eq!(seen, "", "on another host");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_sent_if_the_script_includes_credentials() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    let cases = [
        (
            "the API's own page",
            bank.api("/"),
            "same-origin",
            "200 basic",
        ),
        ("another origin", bank.page(APP), "include", "200 cors"),
        ("another origin", bank.page(APP), "same-origin", "401 cors"),
        ("another origin", bank.page(APP), "omit", "401 cors"),
    ];
    for (name, page, credentials, expected) in cases {
        browser.open(&page).await;
        let init = json!({"credentials": credentials});
        let answer = browser.fetch(&bank.api("/account"), init).await;
        assert_eq!(outcome(&answer), expected, "{name}, {credentials}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_removes_the_cookie() {
    let Some((browser, bank)) = start(Settings::default()).await else {
        return;
    };
    sign_in(&browser, &bank).await;
    browser.open(&bank.page(APP)).await;
    assert_eq!(browser.cookies().await.len(), 1);

    let init = json!({"method": "POST", "credentials": "include"});
    let answer = browser.fetch(&bank.api("/sign-out"), init).await;
    assert_eq!(outcome(&answer), "204 cors");
    let left = browser.cookies().await;
    assert!(left.is_empty(), "{left:?}");

    let init = json!({"credentials": "include"});
    let answer = browser.fetch(&bank.api("/account"), init).await;
    assert_eq!(outcome(&answer), "401 cors");
    assert_eq!(answer.json()["status"], Value::from(401));
}
