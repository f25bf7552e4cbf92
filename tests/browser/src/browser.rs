//! One browser: its pages, scripts and cookies.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    driver::{self, Driver},
    fetched::Fetched,
    wire::Wire,
};

const ARGUMENTS: &[&str] = &[
    "--headless=new",
    // Chromium has no sandbox for root, which CI runs as.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    // These names resolve to this machine, others do not resolve, and no proxy is used: no traffic
    // leaves it.
    "--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP *.test 127.0.0.1, MAP * ~NOTFOUND",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
];

/// How long a test waits for a page to reach the expected state.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A new browser, which exits when the value is dropped.
#[derive(Debug)]
pub struct Browser {
    wire: Wire,
    _driver: Driver,
}

/// A cookie in the browser's cookie jar.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cookie {
    pub name: String,
    pub domain: String,
    pub path: String,
    pub http_only: bool,
    pub secure: bool,
    pub same_site: Option<String>,
}

impl Browser {
    /// `None`, with a message, if no browser is installed.
    pub async fn start() -> Option<Self> {
        let (driver, browser) = driver::programs()?;
        let driver = Driver::start(&driver).await;
        let mut wire = Wire::new(driver.port);
        let mut arguments: Vec<_> = ARGUMENTS.iter().map(ToString::to_string).collect();
        let profile = driver.dir.join("profile");
        arguments.push(format!("--user-data-dir={}", profile.display()));
        // By default it blocks cookies on requests that a page sends to another site. A server must
        // also be safe for users who have turned that off.
        let settings = json!({"profile.cookie_controls_mode": 0});
        let options = json!({"binary": browser, "args": arguments, "prefs": settings});
        let logs = json!({"browser": "ALL", "performance": "ALL"});
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": logs,
        });
        let wanted = json!({"capabilities": {"alwaysMatch": wanted}});
        let session = wire.post("", &wanted).await.unwrap();
        wire.enter(session["sessionId"].as_str().unwrap());
        Some(Self {
            wire,
            _driver: driver,
        })
    }

    /// Opens a page and waits until it has loaded.
    pub async fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url})).await;
    }

    /// Presses the back button.
    pub async fn back(&self) {
        self.post("/back", &json!({})).await;
    }

    /// The text that the page shows.
    pub async fn text(&self) -> String {
        self.run("return document.body.innerText", json!([])).await
    }

    /// Runs the body of an async function on the page, with `args` as its list of arguments.
    pub async fn run<T: DeserializeOwned>(&self, script: &str, args: Value) -> T {
        let value = self.try_run(script, &args).await;
        let value = value.unwrap_or_else(|error| panic!("{error}\nin the script: {script}"));
        serde_json::from_value(value).unwrap()
    }

    async fn try_run(&self, script: &str, args: &Value) -> Result<Value, String> {
        let script = format!("return (async (...args) => {{ {script} }})(...arguments)");
        let body = json!({"script": script, "args": args});
        self.wire.post("/execute/sync", &body).await
    }

    /// Calls `fetch(url, init)` on the page.
    pub async fn fetch(&self, url: &str, init: Value) -> Fetched {
        let script = "
            try {
                const got = await fetch(...args);
                const { status, type } = got;
                const headers = Object.fromEntries(got.headers);
                return { status, type, headers, body: await got.text() };
            } catch (error) {
                return { error: error.name };
            }";
        self.run(script, json!([url, init])).await
    }

    /// Clicks the element that the selector finds.
    pub async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        let path = format!("/element/{element}/click");
        self.post(&path, &json!({})).await;
    }

    /// Types into the element that the selector finds.
    pub async fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        let path = format!("/element/{element}/value");
        self.post(&path, &json!({"text": text})).await;
    }

    async fn element(&self, selector: &str) -> String {
        let how = json!({"using": "css selector", "value": selector});
        let found = self.post("/element", &how).await;
        let id = found.as_object().and_then(|found| found.values().next());
        id.and_then(Value::as_str).unwrap().to_owned()
    }

    /// Runs the script until it returns something other than `null`. It may fail during navigation,
    /// when there is no page.
    pub async fn wait_for<T: DeserializeOwned + Debug>(&self, what: &str, script: &str) -> T {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let last = self.try_run(script, &json!([])).await;
            match last {
                Ok(value) if !value.is_null() => return serde_json::from_value(value).unwrap(),
                last if Instant::now() > deadline => {
                    let page = self.wire.get("/source").await;
                    panic!("waited for {what}; at last {last:?}, on the page {page:?}");
                }
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// All cookies of all sites, including those that no script may read.
    pub async fn cookies(&self) -> Vec<Cookie> {
        let mut found = self.devtools("Storage.getCookies", json!({})).await;
        serde_json::from_value(found["cookies"].take()).unwrap()
    }

    /// What the browser has written to the console since the last call: also errors of the network
    /// and violations of a content security policy.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.log("browser").await;
        let line = |entry: &Value| format!("{}: {}", entry["level"], entry["message"]);
        entries.iter().map(line).collect()
    }

    /// The URLs that pages have requested from servers since the last call, also in vain.
    pub async fn requests(&self) -> Vec<String> {
        let entries = self.log("performance").await;
        let events = entries.iter().map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            event["message"].clone()
        });
        events
            .filter(|event| event["method"] == "Network.requestWillBeSent")
            .map(|event| {
                event["params"]["request"]["url"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            // Not `data:`, nor `chrome:`, of which the first page of a browser consists.
            .filter(|url| url.starts_with("http") || url.starts_with("ws"))
            .collect()
    }

    async fn log(&self, name: &str) -> Vec<Value> {
        let entries = self.post("/se/log", &json!({"type": name})).await;
        serde_json::from_value(entries).unwrap()
    }

    /// A PNG of what a window of this size shows of the page.
    pub async fn picture(&self, width: u32, height: u32) -> Vec<u8> {
        let size = json!({
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        let picture = self.devtools("Page.captureScreenshot", json!({})).await;
        let picture = picture["data"].as_str().unwrap();
        BASE64_STANDARD.decode(picture).unwrap()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let command = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", &command).await
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.wire.post(path, body).await.unwrap()
    }
}
