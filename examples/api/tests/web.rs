//! The page in `web/`, in Chromium: it is written in TypeScript against the OpenAPI document.
//!
//! `npm ci && npm run build` in `examples/api/web` builds it. Without it, or without Chromium, the tests
//! are skipped, or fail if `WYTHE_REQUIRE_ALL` is set.

mod support;

use std::{env, path::Path};

use example_api::Config;
use serde_json::json;
use support::{Api, clock::TestClock};
use wythe_browser_tests::Browser;

const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web/dist");

const PASSWORD: &str = "correct horse";

/// The API with the page, and a browser that shows it.
struct Page {
    browser: Browser,
    api: Api,
}

impl Page {
    async fn open() -> Option<Self> {
        let (browser, api) = (
            Self::browser().await?,
            Api::start_with(&[("WEB_DIR", BUILT)]),
        );
        Some(Self::of(browser, api).await)
    }

    /// A browser, if there is one, and the page has been built.
    async fn browser() -> Option<Browser> {
        if !Path::new(BUILT).join("app.js").is_file() {
            assert!(
                env::var_os("WYTHE_REQUIRE_ALL").is_none(),
                "WYTHE_REQUIRE_ALL is set, and {BUILT} has not been built"
            );
            eprintln!("skipped: {BUILT} has not been built");
            return None;
        }
        Browser::start().await
    }

    async fn of(browser: Browser, api: Api) -> Self {
        let page = Self { browser, api };
        page.browser.open(&page.url("/")).await;
        page.shows("#signed-out").await;
        page
    }

    fn url(&self, path: &str) -> String {
        let port = self.api.address.rsplit(':').next().unwrap();
        format!("http://example.localhost:{port}{path}")
    }

    /// Fills the fields of a form with these texts, and sends it.
    async fn submit(&self, form: &str, fields: &[(&str, &str)]) {
        for (name, text) in fields {
            let clear = "document.querySelector(args[0]).value = ''";
            let field = format!("#{form}-{name}");
            self.browser.run::<()>(clear, json!([field])).await;
            self.browser.write(&field, text).await;
        }
        self.browser.click(&format!("#{form} button")).await;
    }

    async fn register(&self, email: &str) {
        let fields = [("email", email), ("password", PASSWORD)];
        self.submit("register", &fields).await;
        self.shows("#users tr").await;
    }

    async fn shows(&self, selector: &str) {
        self.until(
            &format!("{selector} is shown"),
            selector,
            "found.checkVisibility()",
        )
        .await;
    }

    /// Waits until the text of this element contains this one.
    async fn reads(&self, selector: &str, text: &str) {
        let condition = format!("found.textContent.includes({})", json!(text));
        self.until(&format!("{text:?} in {selector}"), selector, &condition)
            .await;
    }

    async fn until(&self, what: &str, selector: &str, condition: &str) {
        let script = format!(
            "const found = document.querySelector({}); return {condition} || null;",
            json!(selector)
        );
        self.browser.wait_for::<bool>(what, &script).await;
    }

    async fn text(&self, selector: &str) -> String {
        let text = "return document.querySelector(args[0]).textContent";
        self.browser.run(text, json!([selector])).await
    }

    /// The cells of the list of users.
    async fn users(&self) -> Vec<Vec<String>> {
        let cells = "
            const rows = [...document.querySelectorAll('#users tr')];
            return rows.map(row => [...row.children].map(cell => cell.textContent));";
        self.browser.run(cells, json!([])).await
    }

    /// What the browser has said about the content security policy since the last call.
    async fn violations(&self) -> Vec<String> {
        let mut lines = self.browser.console().await;
        lines.retain(|line| line.contains("Content Security Policy"));
        lines
    }

    /// What the page has requested from the API since the last call.
    async fn requests(&self) -> Vec<String> {
        let base = self.url("");
        let requests = self.browser.requests().await;
        let paths = requests.iter().map(|url| url.replace(&base, ""));
        paths.filter(|path| path.starts_with("/api/")).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registers_signs_in_lists_creates_and_signs_out() {
    let Some(page) = Page::open().await else {
        return;
    };
    page.register("ada@example.com").await;
    page.reads("#who", "ada@example.com").await;
    assert_eq!(page.users().await, [["1", "", "ada@example.com", ""]]);

    for number in 2..=6 {
        let (name, email) = (format!("User {number}"), format!("{number}@example.com"));
        let age = if number == 6 { "" } else { "36" };
        let fields = [("name", &*name), ("email", &email), ("age", age)];
        page.submit("new-user", &fields).await;
        // The form is emptied once the server has answered.
        page.until("an empty form", "#new-user-name", "found.value === ''")
            .await;
    }
    assert_eq!(
        page.users().await[4],
        ["5", "User 5", "5@example.com", "36"]
    );
    assert_eq!(page.text("#page").await, "Page 1 of 2");
    page.browser.click("#next").await;
    page.reads("#page", "Page 2 of 2").await;
    assert_eq!(page.users().await, [["6", "User 6", "6@example.com", ""]]);

    page.browser.click("#sign-out").await;
    page.shows("#signed-out").await;
    assert_eq!(page.browser.cookies().await.len(), 0);
    let again = page.browser.fetch(&page.url("/api/users"), json!({})).await;
    assert_eq!(again.status, 401);

    let fields = [("email", "ada@example.com"), ("password", PASSWORD)];
    page.submit("sign-in", &fields).await;
    page.shows("#signed-in").await;

    // Nothing on the page violates the content security policy, and an inline script would.
    assert_eq!(page.violations().await, [""; 0]);
    let inline = "
        const script = document.createElement('script');
        script.textContent = 'document.body.remove()';
        document.head.append(script);";
    page.browser.run::<()>(inline, json!([])).await;
    page.shows("#signed-in").await;
    assert_eq!(page.violations().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_schema_rejects_is_not_sent() {
    let Some(page) = Page::open().await else {
        return;
    };
    page.register("ada@example.com").await;
    page.requests().await;
    let cases = [
        ("name", "G", "At least 2 characters."),
        ("email", "grace", "Not an email address."),
        ("age", "17", "At least 18."),
        ("age", "121", "At most 120."),
        ("age", "old", "Not a whole number."),
        ("age", "36.5", "Not a whole number."),
    ];
    for (wrong, text, error) in cases {
        let valid = [
            ("name", "Grace"),
            ("email", "grace@example.com"),
            ("age", "36"),
        ];
        let fields = valid.map(|(name, valid)| (name, if name == wrong { text } else { valid }));
        page.submit("new-user", &fields).await;
        page.reads(&format!("#new-user-{wrong}-error"), error).await;
        for (name, _) in valid.iter().filter(|(name, _)| *name != wrong) {
            let other = page.text(&format!("#new-user-{name}-error")).await;
            assert_eq!(other, "", "{name} beside {wrong}={text}");
        }
    }
    assert_eq!(page.requests().await, [""; 0]);

    page.submit("new-user", &[("age", "36")]).await;
    page.until("an empty form", "#new-user-name", "found.value === ''")
        .await;
    let sent = ["/api/users", "/api/users?page=1&per_page=5"];
    assert_eq!(page.requests().await, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_server_knows_is_shown_too() {
    let Some(mut page) = Page::open().await else {
        return;
    };
    page.register("ada@example.com").await;

    let taken = [("name", "Ada"), ("email", "ADA@example.com")];
    page.submit("new-user", &taken).await;
    page.reads("#new-user-error", "Another user has this email address.")
        .await;

    // A schema does not say how long the part before the `@` may be.
    let long = format!("{}@example.com", "a".repeat(65));
    page.submit("new-user", &[("email", &long)]).await;
    let error = "the part before the `@` is invalid";
    page.reads("#new-user-email-error", error).await;
    assert_eq!(page.text("#new-user-error").await, "");

    // The login ends in another tab.
    let init = json!({"method": "POST"});
    let ended = page
        .browser
        .fetch(&page.url("/api/auth/logout"), init)
        .await;
    assert_eq!(ended.status, 204);
    page.submit("new-user", &[("email", "grace@example.com")])
        .await;
    page.reads("#message", "Authentication is required.").await;
    page.shows("#signed-out").await;

    let wrong = [("email", "ada@example.com"), ("password", "wrong horse")];
    for _ in 0..5 {
        page.submit("sign-in", &wrong).await;
        page.reads(
            "#sign-in-error",
            "The email address or the password is wrong.",
        )
        .await;
        let clear = "document.querySelector('#sign-in-error').textContent = ''";
        page.browser.run::<()>(clear, json!([])).await;
    }
    page.submit("sign-in", &wrong).await;
    page.reads("#sign-in-error", "Try again in ").await;

    page.api.program.as_mut().unwrap().kill().unwrap();
    page.submit("sign-in", &wrong).await;
    page.reads("#sign-in-error", "The server can't be reached.")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_access_token_is_replaced() {
    let Some(browser) = Page::browser().await else {
        return;
    };
    let clock = TestClock::new();
    let api = Api::run(Config {
        web_dir: Some(BUILT.into()),
        clock: clock.reader(),
        ..support::config()
    });
    let page = Page::of(browser, api.await).await;
    page.register("ada@example.com").await;
    page.requests().await;

    clock.advance(16 * 60);
    page.submit(
        "new-user",
        &[("name", "Grace"), ("email", "grace@example.com")],
    )
    .await;
    page.shows("#users tr:nth-child(2)").await;
    let sent = [
        "/api/users",
        "/api/auth/refresh",
        "/api/users",
        "/api/users?page=1&per_page=5",
    ];
    assert_eq!(page.requests().await, sent);
}
