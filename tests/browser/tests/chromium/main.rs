//! How a browser treats CORS, cookies and requests that other sites forge.
//!
//! The bank is an API behind a `wythe` stack, and its pages are on other origins. Every test has
//! its own browser and bank. Without Chromium and its driver the tests are skipped, or fail if
//! `WYTHE_REQUIRE_ALL` is set.

mod api;
mod bank;
mod conditional;
mod cookies;
mod cors;
mod csp;
mod csrf;
mod docs_page;
mod history;
mod links;
mod preflight;
mod scheme;
mod seen;
mod signing_in;
mod sockets;

use wythe_browser_tests::{Browser, Fetched};

use crate::bank::{Bank, Settings};

/// A browser and a bank, or nothing if no browser is installed.
async fn start(settings: Settings) -> Option<(Browser, Bank)> {
    let browser = Browser::start().await?;
    Some((browser, Bank::open(settings).await))
}

/// Signs `ann` in on the bank's own page, and stays on it.
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

/// The outcome that a table expects of a response, and that is shown if it differs.
fn outcome(answer: &Fetched) -> String {
    match &answer.error {
        Some(error) => error.clone(),
        None => format!("{} {}", answer.status, answer.r#type),
    }
}
