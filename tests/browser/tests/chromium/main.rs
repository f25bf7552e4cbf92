//! What a browser makes of CORS, of cookies and of requests that other sites forge.
//!
//! The bank is an API behind a stack of `wythe`, and its pages are on other origins. Every test has
//! a browser and a bank of its own. Where there is no Chromium with a driver the tests are skipped,
//! or fail if `WYTHE_REQUIRE_ALL` is set.

mod api;
mod bank;
mod cookies;
mod cors;
mod csrf;
mod history;
mod links;
mod preflight;
mod scheme;
mod seen;
mod signing_in;
mod sockets;

use wythe_browser_tests::{Browser, Fetched};

use crate::bank::{Bank, Settings};

/// A browser and a bank, or nothing where there is no browser.
async fn start(settings: Settings) -> Option<(Browser, Bank)> {
    let browser = Browser::start().await?;
    Some((browser, Bank::open(settings).await))
}

/// Signs `ann` in on the bank's own page, and stays there.
async fn sign_in(browser: &Browser, bank: &Bank) {
    browser.open(&bank.api("/")).await;
    let init = serde_json::json!({
        "method": "POST",
        "headers": {"content-type": "application/json"},
        "body": r#"{"name":"ann"}"#,
    });
    let answer = browser.fetch(&bank.api("/sign-in"), init).await;
    assert_eq!(answer.status, 204, "signing in: {answer:?}");
}

/// What a table expects of an answer, and what is shown if it is otherwise.
fn outcome(answer: &Fetched) -> String {
    match &answer.error {
        Some(error) => error.clone(),
        None => format!("{} {}", answer.status, answer.r#type),
    }
}
